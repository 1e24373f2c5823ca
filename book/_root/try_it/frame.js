// The chosen picture in small, with a frame around the part to enlarge: drawn by a drag, moved and sized by keys.

export class Frame {
  /** `changed` is called with the part `{left, top, width, height}`, in pixels of the picture. */
  constructor(canvas, changed) {
    Object.assign(this, { canvas, changed });
    this.picture = null;
    this.part = null;
    this.seen = null; // what the view shows of the part, in shares of it
    canvas.addEventListener("pointerdown", (event) => this.drag(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  /** Begin with a picture: an ImageData and an ImageBitmap of it in small. */
  show(picture, small) {
    Object.assign(this, { picture, small, seen: null });
    this.canvas.width = small.width;
    this.canvas.height = small.height;
    this.set({ left: 0, top: 0, width: picture.width, height: picture.height });
  }

  get whole() {
    return this.part.width === this.picture.width && this.part.height === this.picture.height;
  }

  set({ left, top, width, height }) {
    const { picture } = this;
    const hold = (value, low, high) => Math.min(high, Math.max(low, Math.round(value)));
    const w = hold(width, 1, picture.width);
    const h = hold(height, 1, picture.height);
    this.part = { left: hold(left, 0, picture.width - w), top: hold(top, 0, picture.height - h), width: w, height: h };
    this.draw();
    this.changed(this.part);
  }

  draw() {
    const { canvas, picture, small, part } = this;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(small, 0, 0);
    const [across, down] = [canvas.width / picture.width, canvas.height / picture.height];
    const box = [part.left * across, part.top * down, part.width * across, part.height * down];
    if (!this.whole) {
      context.fillStyle = "#0009";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(small, ...box, ...box);
    }
    const outline = ([left, top, width, height], dash) => {
      for (const [colour, line] of [
        ["#000", 4],
        ["#fff", 2],
      ]) {
        Object.assign(context, { strokeStyle: colour, lineWidth: line });
        context.setLineDash(dash);
        context.strokeRect(left + 2, top + 2, Math.max(0, width - 4), Math.max(0, height - 4));
      }
    };
    if (!this.whole) outline(box, []);
    if (this.seen) {
      const [left, top, width, height] = this.seen;
      if (width < 1 || height < 1) {
        outline([box[0] + left * box[2], box[1] + top * box[3], width * box[2], height * box[3]], [4, 4]);
      }
    }
  }

  drag(start) {
    const { canvas, picture } = this;
    if (!picture) return;
    const box = canvas.getBoundingClientRect();
    const at = ({ clientX, clientY }) => [
      Math.min(1, Math.max(0, (clientX - box.left) / box.width)) * picture.width,
      Math.min(1, Math.max(0, (clientY - box.top) / box.height)) * picture.height,
    ];
    const [x, y] = at(start);
    canvas.setPointerCapture(start.pointerId);
    const end = new AbortController();
    canvas.addEventListener(
      "pointermove",
      (event) => {
        const [u, v] = at(event);
        // A click is no frame.
        if (Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) < 6) return;
        this.set({ left: Math.min(x, u), top: Math.min(y, v), width: Math.abs(u - x), height: Math.abs(v - y) });
      },
      end,
    );
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => end.abort(), end);
  }

  key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way || !this.picture || event.ctrlKey || event.metaKey || event.altKey) return;
    const { left, top, width, height } = this.part;
    const [dx, dy] = [way[0] * Math.ceil(this.picture.width / 20), way[1] * Math.ceil(this.picture.height / 20)];
    this.set(
      event.shiftKey
        ? { left, top, width: width + dx, height: height + dy }
        : { left: left + dx, top: top + dy, width, height },
    );
    event.preventDefault();
  }
}
