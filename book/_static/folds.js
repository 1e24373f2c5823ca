// One switch on each page that has folded code, remembered: the cells that carry the idea, or all of them.

document.addEventListener("DOMContentLoaded", () => {
  const KEY = "vdsr-code";
  const folds = document.querySelectorAll("details.fold");
  if (!folds.length) return;
  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };

  const group = document.createElement("div");
  group.className = "code-switch";
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Code on these pages");
  group.innerHTML =
    '<button type="button" data-code="ideas">ideas</button><button type="button" data-code="all">all code</button>';
  const buttons = [...group.children];

  function show(what) {
    folds.forEach((fold) => {
      fold.open = what === "all";
    });
    buttons.forEach((button) => button.setAttribute("aria-pressed", button.dataset.code === what));
  }
  group.addEventListener("click", ({ target }) => {
    const what = target.dataset.code;
    if (!what) return;
    const place = group.getBoundingClientRect().top;
    show(what);
    scrollBy({ top: group.getBoundingClientRect().top - place, behavior: "instant" });
    try {
      localStorage.setItem(KEY, what);
    } catch {
      /* it is not remembered, and works */
    }
  });

  const line = document.querySelector(".fold.setup")?.closest(".cell");
  if (line) {
    line.classList.add("code-line");
    line.append(group);
  } else document.querySelector("article h1")?.after(group);
  show(stored() === "all" ? "all" : "ideas");
});
