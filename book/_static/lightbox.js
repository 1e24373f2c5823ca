// Any picture of a page, pixel by pixel: 1:1 or a whole-number zoom, in a dialog. Pictures of one gallery are shown
// at the same place and zoom, one after the other, so that the eye sees what changes.

(() => {
  const WIDEST = 16;
  let dialog;
  let picture;
  let area;
  let group;
  let at;
  let zoom;

  const find = (name) => dialog.querySelector(`[data-part=${name}]`);

  function build() {
    dialog = document.createElement("dialog");
    dialog.className = "lightbox";
    dialog.setAttribute("aria-label", "Picture, enlarged");
    dialog.innerHTML = `<div class="bar">
      <button type="button" data-part="out" aria-label="Zoom out">−</button><output data-part="zoom"></output>
      <button type="button" data-part="in" aria-label="Zoom in">+</button>
      <button type="button" data-part="close" aria-label="Close">✕</button>
      <span data-part="others" role="group" aria-label="Pictures to compare"></span></div>
      <div class="area" tabindex="0" role="group" aria-label="The picture. Arrow keys scroll, plus and minus zoom."><img alt=""></div>
      <p data-part="words" role="status"></p>`;
    document.body.append(dialog);
    picture = dialog.querySelector("img");
    area = dialog.querySelector(".area");
    find("out").onclick = () => setZoom(zoom - 1);
    find("in").onclick = () => setZoom(zoom + 1);
    find("close").onclick = () => dialog.close();
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("keydown", key);
    area.addEventListener("pointerdown", drag);
  }

  function key(event) {
    const number = Number(event.key) - 1;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") dialog.close();
    else if (event.key === "+" || event.key === "=") setZoom(zoom + 1);
    else if (event.key === "-") setZoom(zoom - 1);
    else if (group.length > 1 && number in group) show(number);
    else return;
    event.preventDefault();
  }

  function drag(start) {
    if (start.pointerType !== "mouse" || start.target !== picture) return;
    start.preventDefault();
    area.focus({ preventScroll: true });
    let [x, y] = [start.clientX, start.clientY];
    const end = new AbortController();
    const move = (event) => {
      area.scrollBy(x - event.clientX, y - event.clientY);
      [x, y] = [event.clientX, event.clientY];
    };
    window.addEventListener("pointermove", move, end);
    for (const kind of ["pointerup", "pointercancel"]) window.addEventListener(kind, () => end.abort(), end);
  }

  /** The CSS side of one pixel of the picture: a whole number of the screen's own pixels. */
  function unit(zoom) {
    const ratio = window.devicePixelRatio || 1;
    return (zoom * Math.max(1, Math.round(ratio))) / ratio;
  }

  function setZoom(wanted) {
    const [x, y] = [area.scrollLeft + area.clientWidth / 2, area.scrollTop + area.clientHeight / 2];
    const before = zoom;
    zoom = Math.min(WIDEST, Math.max(1, wanted));
    picture.style.width = `${picture.naturalWidth * unit(zoom)}px`;
    find("zoom").textContent = `${zoom}×`;
    find("out").disabled = zoom === 1;
    find("in").disabled = zoom === WIDEST;
    const by = before ? zoom / before : 1;
    area.scrollTo(x * by - area.clientWidth / 2, y * by - area.clientHeight / 2); // the middle stays in the middle
  }

  const label = (image) => image.closest("figure")?.querySelector("figcaption")?.textContent.trim() || image.alt;

  function show(number) {
    at = number;
    const place = [area.scrollLeft, area.scrollTop];
    picture.src = group[at].src;
    picture.alt = group[at].alt;
    find("words").textContent = group[at].alt;
    find("others")
      .querySelectorAll("button")
      .forEach((button, k) => button.setAttribute("aria-pressed", k === at));
    return picture
      .decode()
      .catch(() => {})
      .then(() => {
        setZoom(zoom);
        area.scrollTo(...place);
      });
  }

  async function open(image) {
    if (!dialog) build();
    const gallery = image.closest(".vdsr-gallery");
    group = gallery ? [...gallery.querySelectorAll("img")] : [image];
    find("others").replaceChildren(
      ...(group.length < 2
        ? []
        : group.map((one, k) => {
            const button = document.createElement("button");
            button.type = "button";
            button.textContent = label(one);
            button.onclick = () => show(k);
            return button;
          })),
    );
    dialog.showModal();
    area.focus();
    zoom = 1;
    await show(group.indexOf(image));
    // As large as fits, but not smaller than on the page.
    const fits = Math.min(area.clientWidth / picture.naturalWidth, area.clientHeight / picture.naturalHeight);
    setZoom(Math.floor(fits / unit(1)));
    area.scrollTo(0, 0);
  }

  function prepare() {
    for (const image of document.querySelectorAll("article img")) {
      if (image.closest("a, button, #try-it-app") || !image.alt) continue;
      image.classList.add("can-open");
      image.addEventListener("click", () => open(image));
      const button = document.createElement("button");
      button.type = "button";
      button.className = "open-picture";
      button.textContent = "Enlarge the picture";
      button.onclick = () => open(image);
      image.after(button);
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", prepare);
  else prepare();
})();
