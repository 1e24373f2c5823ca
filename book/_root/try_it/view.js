// One large view of pictures of one size: moved and zoomed at one place, whichever is shown, with a wipe between two.
// Each pixel is a square of whole screen pixels.

import { windowOf } from "./score.js";

export const ZOOMS = [1, 2, 3, 4, 6, 8, 12, 16];

export class View {
  /** `root` takes the keys and holds `canvas` and `divider`; `changed` is called when the zoom or the place is another. */
  constructor(root, canvas, divider, changed) {
    Object.assign(this, { root, canvas, divider, changed });
    this.left = this.right = null; // layers: {picture} or {pixel}
    this.size = { width: 1, height: 1 };
    this.zoom = 1;
    this.centre = [0.5, 0.5];
    this.wipe = 0.5;
    this.wiping = true;
    this.pending = false;
    this.fingers = new Map();
    new ResizeObserver(() => this.draw()).observe(root);
    root.addEventListener("keydown", (event) => this.key(event));
    root.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    root.addEventListener("pointerdown", (event) => this.touch(event));
    divider.addEventListener("keydown", (event) => this.slide(event));
  }

  /** Show other pictures; place and zoom stay unless they are of another size. */
  show(size, left, right) {
    if (size.width !== this.size.width || size.height !== this.size.height) {
      this.centre = [0.5, 0.5];
      this.size = size;
      this.fit();
    }
    this.left = left;
    this.right = right;
    this.draw();
  }

  /** CSS pixels for one pixel of the picture: a whole number of the screen's own. */
  get unit() {
    const ratio = window.devicePixelRatio || 1;
    return (this.zoom * Math.max(1, Math.round(ratio))) / ratio;
  }

  /** The largest zoom at which the whole picture is seen, and a window no higher than that; it keeps its height then. */
  fit() {
    const { root, size } = this;
    root.style.removeProperty("--tall"); // now it has the most that the page gives
    const [across, down] = [root.clientWidth, root.clientHeight];
    const whole = (zoom) => {
      this.zoom = zoom;
      return size.width * this.unit <= across && size.height * this.unit <= down;
    };
    this.zoom = ZOOMS.findLast(whole) ?? 1;
    root.style.setProperty("--tall", `${size.height * this.unit}px`);
  }

  /** The part `[left, top, width, height]` that is seen. */
  get part() {
    const { width, height } = this.size;
    const w = Math.min(width, Math.max(1, Math.ceil(this.root.clientWidth / this.unit)));
    const h = Math.min(height, Math.max(1, Math.ceil(this.root.clientHeight / this.unit)));
    const left = Math.round(Math.min(width - w, Math.max(0, this.centre[0] * width - w / 2)));
    const top = Math.round(Math.min(height - h, Math.max(0, this.centre[1] * height - h / 2)));
    return [left, top, w, h];
  }

  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      if (!this.right) return;
      const { canvas, unit } = this;
      const [left, top, width, height] = this.part;
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${width * unit}px`;
      canvas.style.height = `${height * unit}px`;
      const wiped = this.wiping && this.left && this.left !== this.right;
      const split = wiped ? Math.round(this.wipe * width) : 0;
      const context = canvas.getContext("2d");
      const paint = ({ picture, pixel }, from, to) => {
        if (to <= from) return;
        if (picture) context.putImageData(picture, -left, -top, left + from, top, to - from, height);
        else context.putImageData(windowOf(pixel, left + from, top, to - from, height), from, 0);
      };
      if (wiped) paint(this.left, 0, split);
      paint(this.right, split, width);
      this.divider.hidden = !wiped;
      this.divider.style.left = `${canvas.offsetLeft + split * unit}px`;
      this.divider.setAttribute("aria-valuenow", Math.round(100 * this.wipe));
      this.changed();
    });
  }

  setZoom(zoom) {
    this.zoom = zoom;
    this.draw();
  }

  /** Zoom by steps; the point at `[x, y]` of the window stays where it is, or else the middle. */
  step(by, point) {
    const zoom = ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, ZOOMS.indexOf(this.zoom) + by))];
    if (point && zoom !== this.zoom) {
      const [x, y] = this.at(...point);
      const share = this.zoom / zoom;
      this.lookAt([x + (this.middle[0] - x) * share, y + (this.middle[1] - y) * share]);
    }
    this.setZoom(zoom);
  }

  get middle() {
    const [left, top, width, height] = this.part;
    return [left + width / 2, top + height / 2];
  }

  /** The pixel at a point of the window. */
  at(x, y) {
    const box = this.canvas.getBoundingClientRect();
    const [left, top] = this.part;
    return [left + (x - box.left) / this.unit, top + (y - box.top) / this.unit];
  }

  lookAt([x, y]) {
    const [, , width, height] = this.part;
    const all = this.size;
    const hold = (value, half) => Math.min(1 - half, Math.max(half, value));
    this.centre = [hold(x / all.width, width / all.width / 2), hold(y / all.height, height / all.height / 2)];
    this.draw();
  }

  move(dx, dy) {
    const [x, y] = this.middle;
    this.lookAt([x + dx, y + dy]);
  }

  setWipe(share) {
    this.wipe = Math.min(1, Math.max(0, share));
    this.draw();
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.target !== this.root || event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) {
      const [, , width, height] = this.part;
      this.move(...moves[event.key].map((sign) => sign * Math.ceil(Math.min(width, height) / 8)));
    } else if (event.key === "+" || event.key === "=") this.step(1);
    else if (event.key === "-") this.step(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  slide(event) {
    const to = { ArrowLeft: this.wipe - 0.05, ArrowRight: this.wipe + 0.05, Home: 0, End: 1 }[event.key];
    if (to === undefined) return;
    this.setWipe(to);
    event.preventDefault();
    event.stopPropagation();
  }

  /** The wheel zooms while the view has the focus or Ctrl is held, as for a pinch on a touchpad; else the page scrolls. */
  wheel(event) {
    if (!event.ctrlKey && !this.root.contains(document.activeElement)) return;
    event.preventDefault();
    this.turned = (this.turned ?? 0) + event.deltaY;
    if (Math.abs(this.turned) < 40) return;
    this.step(this.turned < 0 ? 1 : -1, [event.clientX, event.clientY]);
    this.turned = 0;
  }

  /** A finger or the mouse moves the picture, or the wipe where it lies; two fingers zoom. */
  touch(start) {
    const { root, fingers } = this;
    fingers.set(start.pointerId, [start.clientX, start.clientY]);
    const wiping =
      !this.divider.hidden &&
      fingers.size === 1 &&
      Math.abs(start.clientX - this.divider.getBoundingClientRect().left) < 22;
    const spread = () => {
      const [[x, y], [u, v]] = [...fingers.values()];
      return { far: Math.hypot(x - u, y - v), point: [(x + u) / 2, (y + v) / 2] };
    };
    if (fingers.size === 2) this.pinched = spread().far;
    root.setPointerCapture(start.pointerId);
    const end = new AbortController();
    const moved = (event) => {
      if (event.pointerId !== start.pointerId) return;
      const [x, y] = fingers.get(start.pointerId);
      fingers.set(start.pointerId, [event.clientX, event.clientY]);
      if (fingers.size === 2) {
        const { far, point } = spread();
        if (far > 1.25 * this.pinched || far < this.pinched / 1.25) {
          this.step(far > this.pinched ? 1 : -1, point);
          this.pinched = far;
        }
      } else if (wiping) {
        const box = this.canvas.getBoundingClientRect();
        this.setWipe((event.clientX - box.left) / box.width);
      } else this.move((x - event.clientX) / this.unit, (y - event.clientY) / this.unit);
    };
    const stop = (event) => {
      if (event.pointerId !== start.pointerId) return;
      fingers.delete(start.pointerId);
      end.abort();
    };
    root.addEventListener("pointermove", moved, end);
    for (const kind of ["pointerup", "pointercancel"]) root.addEventListener(kind, stop, end);
  }
}
