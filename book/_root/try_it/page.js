// The page "Try it": choosing, starting, cancelling, showing. All that computes is in worker.js.
// For tests and the curious: ?device=cpu or gpu, ?threads=1.

import { MAX_PIXELS, outputShape } from "./upscale.js";
import { Views } from "./view.js";

const root = document.getElementById("try-it-app");
const find = (name) => root.querySelector(`[data-part=${name}]`);
const asked = new URLSearchParams(location.search);
const options = { device: asked.get("device") ?? "auto", threads: Number(asked.get("threads") ?? 0) };
const BICUBIC = { name: "bicubic", label: "Bicubic", margin: 0 };

let methods = [BICUBIC];
let worker = null;
let file = null;  // as picked, so that a worker can be replaced
let picture = null;  // ImageData of it
let stop = null;  // ends the run that is under way
const views = new Views(find("views"), find("map"), (zoom) => { find("zoom").textContent = `${zoom}×`; });

// --- threads ------------------------------------------------------------------------------------------

/** Where the host sets no headers for threads, let a service worker set them, and load the page once more. */
async function isolate() {
  if (self.crossOriginIsolated || !self.isSecureContext || !navigator.serviceWorker) return;
  try {
    if (sessionStorage.getItem("try-it-isolated")) return;  // it was tried; one thread will do
    sessionStorage.setItem("try-it-isolated", "tried");
    const script = new URL("../try_it.sw.js", import.meta.url);
    await navigator.serviceWorker.register(script, { scope: new URL("../try_it", import.meta.url).pathname });
    await navigator.serviceWorker.ready;
    location.reload();
    await new Promise(() => {});
  } catch { /* storage or workers are switched off */ }
}

// --- messages -----------------------------------------------------------------------------------------

function say(words) {
  find("status").textContent = words;
}

function complain(words) {
  find("problem").textContent = words;
  find("problem").hidden = !words;
}

const seconds = (time) => (time < 9.95 ? `${time.toFixed(1)} s` : time < 99 ? `${Math.round(time)} s` : `${Math.round(time / 60)} min`);
const size = ({ width, height }) => `${width}×${height}`;
const scale = () => Number(find("scale").value);

// --- the worker ---------------------------------------------------------------------------------------

/** Ask a worker; `heard` takes each message, and the promise ends with the one that has `last`. */
function ask(worker, message, last, heard = () => {}) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if (data.error) return reject(new Error(data.error));
      heard(data);
      if (last in data) resolve(data[last]);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`The part of this page that computes did not start. ${event.message ?? ""}`));
    };
    worker.postMessage(message);
  });
}

const newWorker = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" });

// --- choosing -----------------------------------------------------------------------------------------

async function choose(chosen) {
  if (stop) stop();
  complain("");
  say(`Reading ${chosen.name} …`);
  find("results").hidden = true;
  worker?.terminate();
  worker = newWorker();
  const own = worker;
  picture = null;
  refresh();  // nothing can be started until the new picture is read
  try {
    const read = await ask(own, { task: "read", file: chosen }, "picture");
    if (own !== worker) return;  // another one was chosen meanwhile
    file = chosen;
    picture = read;
    views.reset(await overview(read));
    say(`${chosen.name}: ${size(read)} pixels.`);
  } catch (error) {
    if (own !== worker) return;
    say("");
    complain(`${chosen.name}: ${error.message}`);
  }
  refresh();
}

function overview(image) {
  const shrink = Math.min(1, 360 / Math.max(image.width, image.height));
  const resize = (side) => Math.max(1, Math.round(side * shrink));
  return createImageBitmap(image, { resizeWidth: resize(image.width), resizeHeight: resize(image.height), resizeQuality: "high" });
}

/** Bring what can be pressed, and the sizes, up to date. */
function refresh() {
  find("scale-out").textContent = `×${scale()}`;
  find("start").disabled = !picture || Boolean(stop);
  find("cancel").disabled = !stop;
  const box = find("preview");
  box.hidden = !picture;
  if (!picture) return;
  const [height, width] = outputShape(picture.height, picture.width, scale());
  const much = width * height > MAX_PIXELS ? `, which is more than this page makes (${MAX_PIXELS / 1e6} million)` : "";
  find("sizes").textContent = `${size(picture)} → ${width}×${height} pixels${much}`;
}

// --- running ------------------------------------------------------------------------------------------

async function start() {
  complain("");
  const factor = scale();
  const own = worker;
  const cancelled = new Promise((_, reject) => { stop = () => reject(null); });
  cancelled.catch(() => {});
  refresh();
  find("panels").replaceChildren();
  views.reset(views.overview);
  const progress = find("progress");
  let bicubic = null, panel = null;
  try {
    for (const method of methods) {
      say(method.file ? `${method.label} is computing.` : "");
      progress.hidden = false;
      progress.removeAttribute("value");
      let result, began, device;
      const run = ask(own, { task: "upscale", scale: factor, method, options }, "finished", (heard) => {
        if (heard.shape) {
          const [height, width] = heard.shape;
          // Until its tiles come, a network's panel shows what the network starts from.
          result = new ImageData(bicubic ? bicubic.data.slice() : new Uint8ClampedArray(width * height * 4), width, height);
          if (!bicubic) bicubic = result;
          find("results").hidden = false;
          panel = addPanel(method, result);
          device = heard.device;
          began = performance.now();
        }
        if (heard.tile) {
          paste(result, heard.tile, heard.pixels);
          views.draw();
          progress.max = heard.count;
          progress.value = heard.done;
          const left = ((performance.now() - began) / heard.done) * (heard.count - heard.done) / 1000;
          panel.note.textContent = left ? `part ${heard.done} of ${heard.count}, about ${seconds(left)} left` : "";
        }
      });
      const time = await Promise.race([run, cancelled]);
      panel.note.textContent = device ? `${seconds(time)}, ${device}` : seconds(time);
      panel.save.disabled = false;
      panel.save.onclick = () => save(method, result, factor);
      panel = null;
    }
    say(`Done: ${methods.map(({ label }) => label).join(", ")}, ×${factor}.`);
  } catch (error) {
    panel?.figure.remove();
    if (panel) views.panels.delete(panel.canvas);
    if (own === worker) {  // and no other picture was chosen
      own.terminate();
      worker = newWorker();
      worker.postMessage({ task: "take", picture });  // messages keep their order: it has the picture before it is asked
      say(error ? "" : "Cancelled.");
      complain(error ? error.message : "");
    }
  }
  progress.hidden = true;
  stop = null;
  refresh();
}

/** Put a tile into a picture. */
function paste(picture, [top, left, bottom, right], pixels) {
  const stride = (right - left) * 4;
  for (let row = top; row < bottom; row++) {
    picture.data.set(pixels.subarray((row - top) * stride, (row - top + 1) * stride), (row * picture.width + left) * 4);
  }
}

function addPanel(method, result) {
  const figure = document.createElement("figure");
  figure.innerHTML = '<div class="window"><canvas role="img"></canvas></div><figcaption><b></b>'
    + '<button type="button" disabled>Save</button><span></span></figcaption>';
  const [canvas, name, note, save] = ["canvas", "b", "span", "button"].map((tag) => figure.querySelector(tag));
  figure.dataset.method = method.name;
  name.textContent = method.label;
  canvas.setAttribute("aria-label", `The picture enlarged by ${method.label}, ${size(result)} pixels`);
  save.setAttribute("aria-label", `Save the ${method.label} picture`);
  find("panels").append(figure);
  views.show(canvas, result);
  return { figure, canvas, note, save };
}

async function save(method, result, factor) {
  const own = newWorker();
  try {
    const png = await ask(own, { task: "png", picture: result }, "png");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(png);
    link.download = `${file.name.replace(/\.[^.]*$/, "")}-x${factor}-${method.name}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    complain(error.message);
  }
  own.terminate();
}

// --- the page -----------------------------------------------------------------------------------------

function addSample({ file: name, label, alt }) {
  const button = document.createElement("button");
  button.type = "button";
  const image = Object.assign(new Image(), { src: new URL(name, import.meta.url).href, alt, className: "dark-light" });
  button.append(image, label);
  button.onclick = async () => {
    const answer = await fetch(image.src);
    choose(new File([await answer.blob()], name.split("/").pop()));
  };
  find("samples").append(button);
}

function listen() {
  find("file").onchange = ({ target }) => target.files.length && choose(target.files[0]);
  find("scale").oninput = refresh;
  find("start").onclick = start;
  find("cancel").onclick = () => stop?.();
  find("closer").onclick = () => views.step(1);
  find("farther").onclick = () => views.step(-1);
  root.addEventListener("dragover", (event) => {
    event.preventDefault();
    root.classList.add("over");
  });
  root.addEventListener("dragleave", (event) => root.contains(event.relatedTarget) || root.classList.remove("over"));
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    root.classList.remove("over");
    const [dropped] = event.dataTransfer.files;
    if (dropped) choose(dropped);
    else complain("What was dropped is no file. Save the picture first, then drop the file.");
  });
  document.addEventListener("paste", (event) => {
    const [pasted] = event.clipboardData.files;
    if (pasted) choose(pasted);
  });
}

async function main() {
  for (const needed of ["OffscreenCanvas", "CompressionStream", "WebAssembly"]) {
    if (!(needed in self)) return complain(`This browser is too old for this page: it has no ${needed}.`);
  }
  await isolate();
  const { networks, missing, samples } = await (await fetch(new URL("./models.json", import.meta.url))).json();
  methods = [BICUBIC, ...networks];
  find("missing").hidden = missing.length === 0;
  find("missing").textContent = networks.length
    ? `Trained weights of ${missing.join(" and ")} do not ship with the library yet, so this page leaves it out.`
    : "No trained weights ship with the library yet, so this page has bicubic interpolation alone.";
  samples.forEach(addSample);
  views.setZoom(1);
  listen();
  refresh();
  root.dataset.ready = "yes";
}

root.hidden = false;
main().catch((error) => complain(`This page could not start: ${error.message}`));
