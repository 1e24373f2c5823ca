// Pictures of one size side by side, moved and zoomed together. Each pixel is a square of whole screen pixels.

export const ZOOMS = [1, 2, 3, 4, 6, 8, 12];

export class Views {
  /** `root` holds the panels and takes the keys; `map` is a canvas that shows where they look. */
  constructor(root, map, onZoom) {
    this.root = root;
    this.map = map;
    this.onZoom = onZoom;
    this.panels = new Map();  // canvas → ImageData
    this.overview = null;
    this.zoom = 1;
    this.centre = [0.5, 0.5];
    this.pending = false;
    new ResizeObserver(() => this.draw()).observe(root);
    root.addEventListener("keydown", (event) => this.key(event));
    map.addEventListener("pointerdown", (event) => this.follow(event, (moved) => this.look(moved)));
  }

  /** Begin anew: `overview` is an ImageBitmap of the whole picture. */
  reset(overview) {
    this.panels.clear();
    this.overview = overview;
    this.centre = [0.5, 0.5];
    this.draw();
  }

  show(canvas, picture) {
    if (!this.panels.has(canvas)) canvas.addEventListener("pointerdown", (event) => this.drag(canvas, event));
    this.panels.set(canvas, picture);
    this.draw();
  }

  setZoom(zoom) {
    this.zoom = zoom;
    this.onZoom(zoom);
    this.draw();
  }

  step(by) {
    const at = Math.min(ZOOMS.length - 1, Math.max(0, ZOOMS.indexOf(this.zoom) + by));
    this.setZoom(ZOOMS[at]);
  }

  /** CSS pixels for one pixel of the picture: a whole number of the screen's own. */
  get unit() {
    const ratio = window.devicePixelRatio || 1;
    return (this.zoom * Math.max(1, Math.round(ratio))) / ratio;
  }

  /** The part `[left, top, width, height]` that a panel shows of a picture. */
  part(canvas, { width, height }) {
    const box = canvas.parentElement.getBoundingClientRect();
    const w = Math.min(width, Math.max(1, Math.ceil(box.width / this.unit)));
    const h = Math.min(height, Math.max(1, Math.ceil(box.height / this.unit)));
    const left = Math.round(Math.min(width - w, Math.max(0, this.centre[0] * width - w / 2)));
    const top = Math.round(Math.min(height - h, Math.max(0, this.centre[1] * height - h / 2)));
    return [left, top, w, h];
  }

  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      for (const [canvas, picture] of this.panels) {
        const [left, top, width, height] = this.part(canvas, picture);
        canvas.width = width;
        canvas.height = height;
        canvas.style.width = `${width * this.unit}px`;
        canvas.style.height = `${height * this.unit}px`;
        canvas.getContext("2d").putImageData(picture, -left, -top, left, top, width, height);
      }
      this.drawMap();
    });
  }

  drawMap() {
    if (!this.overview) return;
    const { map, overview } = this;
    map.width = overview.width;
    map.height = overview.height;
    const context = map.getContext("2d");
    context.drawImage(overview, 0, 0);
    const [first] = this.panels;
    if (!first) return;
    const [left, top, width, height] = this.part(...first);
    const [across, down] = [map.width / first[1].width, map.height / first[1].height];
    for (const [colour, line] of [["#000", 4], ["#fff", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.strokeRect(left * across + 2, top * down + 2, width * across - 4, height * down - 4);
    }
  }

  move(dx, dy) {
    const [first] = this.panels;
    if (!first) return;
    const [, , width, height] = this.part(...first);
    const picture = first[1];
    const half = [width / picture.width / 2, height / picture.height / 2];
    this.centre = [dx / picture.width, dy / picture.height].map((by, i) =>
      Math.min(1 - half[i], Math.max(half[i], this.centre[i] + by)));
    this.draw();
  }

  key(event) {
    const [first] = this.panels;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!first || event.target !== this.root || event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) {
      const [, , width, height] = this.part(...first);
      this.move(...moves[event.key].map((sign) => sign * Math.ceil(Math.min(width, height) / 8)));
    } else if (event.key === "+" || event.key === "=") this.step(1);
    else if (event.key === "-") this.step(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  drag(canvas, start) {
    let [x, y] = [start.clientX, start.clientY];
    this.follow(start, (event) => {
      this.move((x - event.clientX) / this.unit, (y - event.clientY) / this.unit);
      [x, y] = [event.clientX, event.clientY];
    });
  }

  look(event) {
    const box = this.map.getBoundingClientRect();
    this.centre = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    this.move(0, 0);
  }

  /** Call `moved` for a pointer that is held down, wherever it goes. */
  follow(start, moved) {
    const { target, pointerId } = start;
    target.setPointerCapture(pointerId);
    moved(start);
    const end = new AbortController();
    target.addEventListener("pointermove", (event) => event.pointerId === pointerId && moved(event), end);
    for (const kind of ["pointerup", "pointercancel"]) target.addEventListener(kind, () => end.abort(), end);
  }
}
