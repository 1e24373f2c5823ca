// The page "Try it": choosing, starting, cancelling, showing. All that computes is in worker.js.
// For tests and the curious: ?device=cpu or gpu, ?threads=1.

import { Frame } from "./frame.js";
import { difference, enlarged, psnr } from "./score.js";
import { MAX_PIXELS, outputShape } from "./upscale.js";
import { View } from "./view.js";

const root = document.getElementById("try-it-app");
const find = (name) => root.querySelector(`[data-part=${name}]`);
const asked = new URLSearchParams(location.search);
const options = { device: asked.get("device") ?? "auto", threads: Number(asked.get("threads") ?? 0) };
const BICUBIC = { name: "bicubic", label: "Bicubic", margin: 0 };
const FASTER = "try-it-rates"; // seconds for a million pixels, as seen on this machine, by network

let about = { networks: [], missing: [], samples: [], bytes: {} };
let worker = null;
let file = null; // as picked
let sample = null; // the sample's entry, if it is one
let picture = null; // ImageData of it
let stop = null; // ends the run that is under way
let results = null; // of the last run: {scale, part, size, layers}
let shown = null; // the name of the layer that is seen
let blinking = null; // the clock by which it and bicubic take turns
const fetched = new Set(); // networks that have come

const frame = new Frame(find("map"), () => refresh());
const view = new View(find("views"), find("canvas"), find("divider"), () => {
  find("zoom").textContent = `${view.zoom}×`;
  const [left, top, width, height] = view.part;
  const all = view.size;
  frame.seen = results && [left / all.width, top / all.height, width / all.width, height / all.height];
  if (frame.picture) frame.draw();
  if (stop) worker.postMessage({ task: "look", centre: view.centre });
});

// --- threads ------------------------------------------------------------------------------------------

/** Where the host sets no headers for threads, let a service worker set them, and load the page once more. */
async function isolate() {
  if (self.crossOriginIsolated || !self.isSecureContext || !navigator.serviceWorker) return;
  try {
    if (sessionStorage.getItem("try-it-isolated")) return; // it was tried; one thread will do
    sessionStorage.setItem("try-it-isolated", "tried");
    const script = new URL("../try_it.sw.js", import.meta.url);
    await navigator.serviceWorker.register(script, { scope: new URL("../try_it", import.meta.url).pathname });
    await navigator.serviceWorker.ready;
    location.reload();
    await new Promise(() => {});
  } catch {
    /* storage or workers are switched off */
  }
}

// --- messages -----------------------------------------------------------------------------------------

function say(words) {
  find("status").textContent = words;
}

function complain(words) {
  find("problem").textContent = words;
  find("problem").hidden = !words;
  if (words) find("problem").scrollIntoView({ block: "nearest" }); // what was pressed may be far above it
}

const seconds = (time) => {
  if (time < 99) return `${time.toFixed(time < 9.95 ? 1 : 0)} s`;
  return time < 5400 ? `${Math.round(time / 60)} min` : `${Math.round(time / 3600)} h`;
};
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const size = ({ width, height }) => `${width}×${height}`;
const scale = () => Number(find("scale").value);
const chosen = () => {
  const name = root.querySelector("input[name=network]:checked")?.value;
  return about.networks.filter((network) => name === "all" || network.name === name);
};

function stored() {
  try {
    return JSON.parse(localStorage.getItem(FASTER)) ?? {};
  } catch {
    return {};
  }
}

function store(name, rate) {
  try {
    localStorage.setItem(FASTER, JSON.stringify({ ...stored(), [name]: rate }));
  } catch {
    /* told as unknown, then */
  }
}

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

async function choose(picked, entry = null) {
  if (stop) stop();
  complain("");
  say(`Reading ${picked.name} …`);
  worker?.terminate();
  worker = newWorker();
  const own = worker;
  picture = null;
  forget();
  refresh(); // nothing can be started until the new picture is read
  try {
    const read = await ask(own, { task: "read", file: picked }, "picture");
    const small = await overview(read);
    if (own !== worker) return; // another one was chosen meanwhile
    [file, sample, picture] = [picked, entry, read];
    find("source").hidden = false;
    frame.show(read, small);
    say(`${picked.name}: ${size(read)} pixels.`);
  } catch (error) {
    if (own !== worker) return;
    find("source").hidden = true;
    say("");
    complain(`${picked.name}: ${error.message}`);
  }
  refresh();
}

function overview(image) {
  const side = Math.max(image.width, image.height);
  // A tiny picture is shown larger: a finger could draw no frame on it.
  const share = side > 360 ? 360 / side : Math.max(1, 240 / side);
  const resize = (length) => Math.max(1, Math.round(length * share));
  return createImageBitmap(image, {
    resizeWidth: resize(image.width),
    resizeHeight: resize(image.height),
    resizeQuality: share > 1 ? "pixelated" : "high",
  });
}

/** An ImageData from a file of the site. */
async function picturesOf(name) {
  const bitmap = await createImageBitmap(await (await fetch(new URL(name, import.meta.url))).blob());
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

function cropped(image, { left, top, width, height }) {
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.putImageData(image, 0, 0);
  return context.getImageData(left, top, width, height);
}

/** What a press on Upscale would do: pixels, megabytes, time as far as it was seen here. */
function plan() {
  const [height, width] = outputShape(frame.part.height, frame.part.width, scale());
  const millions = (width * height) / 1e6;
  let words = `${size(frame.part)} → ${width}×${height} pixels. `;
  if (millions * 1e6 > MAX_PIXELS) return { words, millions };
  const wanted = chosen();
  const fresh = wanted.filter(({ name }) => !fetched.has(name));
  if (wanted.length && fresh.length) {
    const parts = [...(fetched.size ? [] : [about.bytes.runtime]), ...fresh.map(({ bytes }) => bytes)].filter(Boolean);
    const [raw, packed] = [0, 1].map((k) => parts.reduce((sum, bytes) => sum + bytes[k], 0));
    if (raw) words += `First ${megabytes(raw)} come to your browser, ${megabytes(packed)} where this site compresses. `;
  }
  const rates = stored();
  if (wanted.length && wanted.every(({ name }) => rates[name])) {
    words += `About ${seconds(millions * wanted.reduce((sum, { name }) => sum + rates[name], 0))}, by the last run here.`;
  } else if (wanted.length) words += "How fast this machine is, the first run tells.";
  return { words, millions };
}

/** Bring what can be pressed, and what is told before, up to date. */
function refresh() {
  find("scale-out").textContent = `×${scale()}`;
  find("preview").hidden = !picture;
  let tooLarge = false;
  if (picture) {
    const { words, millions } = plan();
    tooLarge = millions * 1e6 > MAX_PIXELS;
    find("sizes").textContent = words;
    find("part").textContent = frame.whole
      ? "The whole picture. Drag a frame around a part, if a part is enough."
      : `A part of ${size(frame.part)} pixels.`;
    find("whole").hidden = frame.whole;
  }
  find("start").disabled = !picture || Boolean(stop) || tooLarge;
  find("start").textContent = tooLarge
    ? `More than ${MAX_PIXELS / 1e6} million pixels: choose a part or a smaller scale`
    : "Upscale";
  find("cancel").disabled = !stop;
  const same =
    results && frame.part && results.scale === scale() && JSON.stringify(results.part) === JSON.stringify(frame.part);
  find("old").hidden = !results || same || Boolean(stop);
  find("results").classList.toggle("is-old", !find("old").hidden);
  if (results)
    find("old").textContent =
      `These are the results at ×${results.scale} of ${size(results.part)} pixels; press Upscale for new ones.`;
}

// --- what is seen -------------------------------------------------------------------------------------

function forget() {
  results = null;
  blink(false);
  view.right = null;
  find("results").hidden = true;
  find("layers").replaceChildren();
}

/** Begin with the pictures that are there before anything is computed. */
async function begin(factor, part, [height, width]) {
  const input = cropped(picture, part);
  results = { scale: factor, part, size: { width, height }, layers: new Map() };
  find("layers").replaceChildren();
  addLayer("original", "Original", { pixel: enlarged(input, factor) });
  if (sample?.truth && factor === sample.scale) {
    const truth = await picturesOf(sample.truth);
    results.truth = cropped(truth, { left: part.left * factor, top: part.top * factor, width, height });
    addLayer("truth", "Truth", { picture: results.truth });
  }
  find("results").hidden = false;
  look("original");
}

function addLayer(name, label, layer) {
  const { layers } = results;
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.method = name;
  button.onclick = () => look(name);
  layers.set(name, { words: "", ...layer, name, label, button });
  // In the order in which they are made: what was, the methods, the truth, the difference.
  const order = ["bicubic", ...about.networks.map((network) => network.name), "original", "truth", "difference"];
  const sorted = [...layers.values()].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  results.layers = new Map(sorted.map((entry) => [entry.name, entry]));
  sorted.forEach((entry, k) => {
    entry.button.innerHTML = `<kbd>${k + 1}</kbd> `;
    entry.button.append(entry.label, entry.score ? ` ${entry.score}` : "");
    find("layers").append(entry.button);
  });
  return results.layers.get(name);
}

/** Show a layer; the wipe has bicubic on its left. */
function look(name) {
  const layer = results?.layers.get(name);
  if (!layer) return;
  shown = name;
  for (const entry of results.layers.values()) entry.button.setAttribute("aria-pressed", entry === layer);
  const bicubic = results.layers.get("bicubic");
  view.show(results.size, bicubic ?? layer, layer);
  const wiped = find("wipe").checked && bicubic && layer !== bicubic;
  find("canvas").setAttribute(
    "aria-label",
    `${wiped ? "Bicubic on the left, " : ""}${layer.label}${wiped ? " on the right" : ""}, ${size(results.size)} pixels`,
  );
  describe();
}

/** The eye sees best what jumps: bicubic and the picture that is chosen take turns, at one place. */
function blink(on) {
  clearInterval(blinking);
  blinking = null;
  find("blink").setAttribute("aria-pressed", on);
  if (!results) return;
  look(shown);
  if (!on) return;
  let turn = false;
  blinking = setInterval(() => {
    turn = !turn;
    const layer = results.layers.get(turn ? "bicubic" : shown);
    view.show(results.size, layer, layer);
    find("caption").textContent = layer.label;
  }, 700);
}

/** The words under the view, and the button that saves what is shown once it is finished. */
function describe() {
  const layer = results.layers.get(shown);
  const bicubic = results.layers.get("bicubic");
  const wiped = find("wipe").checked && bicubic && layer !== bicubic;
  find("caption").textContent = [wiped ? `Bicubic | ${layer.label}` : layer.label, layer.words]
    .filter(Boolean)
    .join(" · ");
  find("blink").hidden = !bicubic || layer === bicubic;
  if (blinking && find("blink").hidden) blink(false);
  const save = find("save");
  save.hidden = !layer.finished;
  save.setAttribute("aria-label", `Save the ${layer.label} picture`);
}

/** A picture is finished: its dB where the truth is, and the difference. */
function finish(layer, words) {
  const { truth } = results;
  Object.assign(layer, {
    words,
    finished: true,
    score: truth && `${psnr(layer.picture, truth, results.scale).toFixed(2)} dB`,
  });
  results.layers.get("difference")?.button.remove();
  results.layers.delete("difference");
  if (layer.name !== "bicubic" || truth) {
    const against = truth ?? results.layers.get("bicubic").picture;
    addLayer("difference", `${layer.label} − ${truth ? "truth" : "bicubic"}`, {
      pixel: difference(layer.picture, against),
      words: "luma, four times as strong; grey is equal",
    });
  }
  look(shown === "difference" ? layer.name : shown);
}

// --- running ------------------------------------------------------------------------------------------

async function start() {
  complain("");
  const factor = scale();
  const own = worker;
  const part = { ...frame.part };
  const cancelled = new Promise((_, reject) => {
    stop = () => reject(null);
  });
  cancelled.catch(() => {});
  const progress = find("progress");
  let layer = null;
  const methods = [BICUBIC, ...chosen()];
  forget();
  refresh();
  try {
    await begin(factor, part, outputShape(part.height, part.width, factor));
    refresh();
    for (const method of methods) {
      say(method.file ? `${method.label} is computing.` : "");
      progress.hidden = false;
      progress.removeAttribute("value");
      let began;
      let device;
      const run = ask(
        own,
        { task: "upscale", scale: factor, part, centre: view.centre, method, options },
        "finished",
        (heard) => {
          if (heard.shape) {
            const [height, width] = heard.shape;
            const bicubic = results.layers.get("bicubic")?.picture;
            // Until its tiles come, a network's picture is what the network starts from.
            layer = addLayer(method.name, method.label, {
              picture: new ImageData(
                bicubic ? bicubic.data.slice() : new Uint8ClampedArray(width * height * 4),
                width,
                height,
              ),
            });
            if (method.file) fetched.add(method.name);
            look(method.name);
            device = heard.device;
            began = performance.now();
          }
          if (heard.tile) {
            paste(layer.picture, heard.tile, heard.pixels);
            view.draw();
            progress.max = heard.count;
            progress.value = heard.done;
            const left = (((performance.now() - began) / heard.done) * (heard.count - heard.done)) / 1000;
            layer.words = left ? `part ${heard.done} of ${heard.count}, about ${seconds(left)} left` : "";
            describe();
          }
        },
      );
      const time = await Promise.race([run, cancelled]);
      if (method.file) store(method.name, time / ((layer.picture.width * layer.picture.height) / 1e6));
      finish(layer, device ? `${seconds(time)}, ${device}` : seconds(time));
      layer = null;
    }
    say(`Done: ${methods.map(({ label }) => label).join(", ")}, ×${factor}.`);
  } catch (error) {
    if (own === worker) {
      // and no other picture was chosen
      if (layer) {
        layer.button.remove();
        results.layers.delete(layer.name);
        look(results.layers.has("bicubic") ? "bicubic" : "original");
      }
      own.terminate();
      worker = newWorker();
      worker.postMessage({ task: "take", picture }); // messages keep their order: it has the picture before it is asked
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

async function savePicture(layer, factor) {
  const own = newWorker();
  try {
    const png = await ask(own, { task: "png", picture: layer.picture }, "png");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(png);
    link.download = `${file.name.replace(/\.[^.]*$/, "")}-x${factor}-${layer.name}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    complain(error.message);
  }
  own.terminate();
}

// --- the page -----------------------------------------------------------------------------------------

async function take(entry) {
  const answer = await fetch(new URL(entry.file, import.meta.url));
  await choose(new File([await answer.blob()], entry.file.split("/").pop()), entry);
}

function addSample(entry) {
  const button = document.createElement("button");
  button.type = "button";
  const image = Object.assign(new Image(), {
    src: new URL(entry.file, import.meta.url).href,
    alt: entry.alt,
    className: "dark-light",
  });
  button.append(image, entry.label);
  button.onclick = () => take(entry);
  find("samples").append(button);
}

function addNetworks(networks) {
  const entries = [
    ...networks.map(({ name, label }) => [name, label]),
    ...(networks.length > 1 ? [["all", "both"]] : []),
  ];
  for (const [name, label] of entries) {
    const item = document.createElement("label");
    item.innerHTML = '<input type="radio" name="network"><span></span>';
    item.firstChild.value = name;
    item.firstChild.checked = name === networks.at(-1).name;
    item.lastChild.textContent = label;
    find("networks").append(item);
  }
  find("networks").hidden = entries.length < 2;
}

/** A sample with the result that came with the page, so that there is something to look at and move at once. */
async function open(entry) {
  await take(entry);
  if (!entry.ready || !picture || scale() !== entry.scale) return;
  const own = worker;
  const part = { ...frame.part };
  const shape = outputShape(part.height, part.width, entry.scale);
  const ready = await Promise.all(
    Object.entries(entry.ready).map(async ([name, from]) => [name, await picturesOf(from)]),
  );
  if (own !== worker || stop) return;
  await begin(entry.scale, part, shape);
  for (const [name, made] of ready) {
    if (own !== worker || stop) return;
    const label = [BICUBIC, ...about.networks].find((method) => method.name === name).label;
    addLayer(name, label, { picture: made });
    look(name);
    finish(results.layers.get(name), "made before, and fetched");
  }
  refresh();
}

function listen() {
  find("file").onchange = ({ target }) => target.files.length && choose(target.files[0]);
  find("scale").oninput = refresh;
  find("networks").onchange = refresh;
  find("start").onclick = () => {
    start();
    find("results").scrollIntoView({ block: "nearest" });
  };
  find("save").onclick = () => savePicture(results.layers.get(shown), results.scale);
  find("cancel").onclick = () => stop?.();
  find("whole").onclick = () => frame.set({ left: 0, top: 0, width: picture.width, height: picture.height });
  find("closer").onclick = () => view.step(1);
  find("farther").onclick = () => view.step(-1);
  find("blink").onclick = () => blink(!blinking);
  find("wipe").onchange = ({ target }) => {
    view.wiping = target.checked;
    look(shown);
  };
  // Number keys show a picture, wherever on the page the keys go, except into a field that takes them.
  document.addEventListener("keydown", (event) => {
    const layer = results && [...results.layers.keys()][Number(event.key) - 1];
    const blinks = event.key === "b" && results && !find("blink").hidden;
    if (
      !(layer || blinks) ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      event.target.closest(
        'input:not([type="checkbox"], [type="radio"], [type="range"]), textarea, select, dialog[open]',
      )
    )
      return;
    if (blinks) blink(!blinking);
    else look(layer);
    event.preventDefault();
  });
  // Wherever on the page a file is dropped, it is taken: a browser would go to it.
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    root.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || root.classList.remove("over"));
  document.addEventListener("drop", (event) => {
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
  about = await (await fetch(new URL("./models.json", import.meta.url))).json();
  const { networks, missing, samples } = about;
  find("missing").hidden = missing.length === 0;
  find("missing").textContent = networks.length
    ? `Trained weights of ${missing.join(" and ")} do not ship with the library yet, so this page leaves it out.`
    : "No trained weights ship with the library yet, so this page has bicubic interpolation alone.";
  addNetworks(networks);
  samples.forEach(addSample);
  listen();
  await open(samples[0]);
  refresh();
  root.dataset.ready = "yes";
}

root.hidden = false;
main().catch((error) => complain(`This page could not start: ${error.message}`));
