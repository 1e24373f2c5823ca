// Sets up every drawing with sliders or buttons that is not set up yet, so it may stand on a page any number of times.
for (const root of document.querySelectorAll(".vdsr-frames:not([data-ready])")) {
  root.dataset.ready = "1";
  const data = JSON.parse(root.querySelector("script").textContent);
  const img = root.querySelector("img");
  const out = root.querySelector("output");
  const first = img.getAttribute("src");
  const choices = [...root.querySelectorAll(".slider, fieldset")];
  const show = () => {
    let k = 0;
    choices.forEach((choice, i) => {
      const slider = choice.querySelector("input[type=range]");
      const at = Number((slider || choice.querySelector("input:checked")).value);
      k = k * data.words[i].length + at;
      if (!slider) return;
      slider.setAttribute("aria-valuetext", data.words[i][at]);
      slider.nextElementSibling.textContent = data.words[i][at];
    });
    img.src = data.frames[k] || first;
    img.alt = data.alts[k];
    out.textContent = data.alts[k];
  };
  for (const choice of choices) choice.addEventListener("input", show);
  show();
}
