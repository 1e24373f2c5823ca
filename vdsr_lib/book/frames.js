// Sets up every drawing with sliders or buttons that is not set up yet, so it may stand on a page any number of times.
for (const root of document.querySelectorAll(".vdsr-frames:not([data-ready])")) {
  root.dataset.ready = "1";
  const data = JSON.parse(root.querySelector("script").textContent);
  const img = root.querySelector("img");
  const out = root.querySelector("output");
  const first = img.getAttribute("src");
  const choices = [...root.querySelectorAll(".slider, fieldset")];
  const grips = [];

  const show = () => {
    const at = [];
    choices.forEach((choice, i) => {
      const slider = choice.querySelector("input[type=range]");
      let words = data.words[i];
      if (!Array.isArray(words)) {
        // As long as the choices before it allow, at the same share of its way.
        words = words[at.join()];
        const share = slider.value / slider.max || 0;
        if (Number(slider.max) !== words.length - 1) {
          slider.max = words.length - 1;
          slider.value = Math.round(share * slider.max);
        }
      }
      at.push(Number((slider || choice.querySelector("input:checked")).value));
      if (!slider) return;
      slider.setAttribute("aria-valuetext", words[at[i]]);
      slider.nextElementSibling.textContent = words[at[i]];
    });
    const k = data.at.indexOf(at.join());
    img.src = data.frames[k] || first;
    img.alt = data.alts[k];
    out.textContent = data.alts[k];
    grips.forEach((grip, j) => place(grip, data.grips[data.gripped[k]][j], at));
  };

  // What can be dragged in the drawing itself: a surface over each part, and a knob where it stands. For keys and screen
  // readers there is the slider.
  const place = (grip, about, at) => {
    const { surface, knob } = grip;
    grip.about = about;
    surface.hidden = !about;
    if (!about) return;
    const [left, top, right, bottom] = about.box;
    const upright = about.along === "y";
    Object.assign(surface.style, {
      left: `${100 * left}%`,
      top: `${100 * top}%`,
      width: `${100 * (right - left)}%`,
      height: `${100 * (bottom - top)}%`,
      cursor: upright ? "ns-resize" : "ew-resize",
      touchAction: upright ? "none" : "pan-y",
    });
    const here = about.places.find(([, position]) => position === at[about.slider]);
    knob.hidden = !here;
    if (!here) return;
    const along = upright ? (here[0] - top) / (bottom - top) : (here[0] - left) / (right - left);
    knob.style.left = `${100 * (upright ? about.knob : along)}%`;
    knob.style.top = `${100 * (upright ? along : 1 - about.knob)}%`;
  };

  const drag = ({ about }, event) => {
    const view = img.getBoundingClientRect();
    const share =
      about.along === "y" ? (event.clientY - view.top) / view.height : (event.clientX - view.left) / view.width;
    const nearest = about.places.reduce((best, one) =>
      Math.abs(one[0] - share) < Math.abs(best[0] - share) ? one : best,
    );
    const slider = choices[about.slider].querySelector("input[type=range]");
    if (Number(slider.value) === nearest[1]) return;
    slider.value = nearest[1];
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  };

  if (data.grips) {
    const layer = document.createElement("div");
    layer.className = "grips";
    layer.setAttribute("aria-hidden", "true");
    for (let most = Math.max(...data.grips.map((one) => one.length)); most > 0; most--) {
      const grip = { surface: document.createElement("div"), knob: document.createElement("i"), about: null };
      grip.surface.append(grip.knob);
      layer.append(grip.surface);
      grips.push(grip);
      grip.surface.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        grip.surface.setPointerCapture(event.pointerId);
        drag(grip, event);
      });
      grip.surface.addEventListener("pointermove", (event) => {
        if (grip.surface.hasPointerCapture(event.pointerId)) drag(grip, event);
      });
    }
    root.append(layer);
    const observer = new ResizeObserver(() => {
      layer.style.left = `${img.offsetLeft}px`;
      layer.style.top = `${img.offsetTop}px`;
      layer.style.width = `${img.offsetWidth}px`;
      layer.style.height = `${img.offsetHeight}px`;
    });
    observer.observe(img);
    observer.observe(root);
  }
  for (const choice of choices) choice.addEventListener("input", show);
  show();
}
