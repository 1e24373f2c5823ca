// A gallery that does not fit into a row, or into two full ones, becomes one place where its pictures take turns:
// so the last one, mostly the truth, is never out of sight, and the eye sees what changes.

document.addEventListener("DOMContentLoaded", () => {
  const GAP = 8;

  function prepare(gallery) {
    const figures = [...gallery.querySelectorAll(":scope > figure")];
    if (figures.length < 2) return;
    const names = document.createElement("div");
    names.className = "gallery-names";
    names.setAttribute("role", "group");
    names.setAttribute("aria-label", `${gallery.getAttribute("aria-label")}: which picture`);
    const buttons = figures.map((figure) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = figure.querySelector("figcaption").textContent;
      button.onclick = () => show(figure);
      return button;
    });
    names.append(...buttons);
    gallery.before(names);

    function show(chosen) {
      figures.forEach((figure, k) => {
        figure.classList.toggle("shown", figure === chosen);
        buttons[k].setAttribute("aria-pressed", figure === chosen);
      });
    }
    function arrange() {
      const widest = Math.max(...figures.map((figure) => parseFloat(figure.style.width)));
      const fit = Math.floor((gallery.clientWidth + GAP) / (widest + GAP));
      const count = figures.length;
      const rows = count <= fit || (fit > 1 && count % fit === 0 && count / fit <= 2);
      gallery.classList.toggle("flip", !rows);
      names.hidden = rows;
    }
    show(figures[0]);
    new ResizeObserver(arrange).observe(gallery);
    arrange();
  }

  document.querySelectorAll("article .vdsr-gallery").forEach(prepare);
});
