// Trains apart from the page, which therefore never waits.
//
// In:  {task: "read", file}                      a picture to train on in place of the embedded ones
//      {task: "open", id, settings, own}         a new run; own: train on the picture that was read
//      {task: "go"} · {task: "pause"} · {task: "step"}
//      {task: "trial", settings, steps, marks}   a run of its own, without its steps being shown
// Out: {picture} · {opened, id} · {progress, id} · {trial} · {error}

import { runtime } from "../try_it/network.js";
import { lumaOf } from "./data.js";
import { isDue, LAST_STEP, Run } from "./run.js";

/** Longest time between two messages, so that the curves move, in milliseconds. */
const MESSAGE = 60;
/** A reader's own picture is shrunk until its shorter side has this, and its middle is taken. */
const SIDE = 384;
/** More pixels than this are not decoded: they would fill a phone's memory. */
const MAX_PIXELS = 32e6;

const say = (words) => Object.assign(new Error(words), { forReader: true });

let run = null;
let id = 0;
let running = false;
let own = null;
let embedded = null;
const opened = new Map();

async function load(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name} could not be loaded (${answer.status}).`);
  return new Uint8Array(await answer.arrayBuffer());
}

let ort = null;

async function start() {
  // One thread: the pictures are small, and the same settings are to give the same run everywhere.
  if (!ort) ({ ort } = await runtime("cpu", 1));
  if (!embedded) {
    const list = JSON.parse(new TextDecoder().decode(await load("pictures.json")));
    const open = async ({ file, rows, columns }) => ({ data: await load(file), rows, columns });
    embedded = { train: await Promise.all(list.train.map(open)), test: await open(list.test) };
  }
}

async function session(name) {
  const options = { executionProviders: ["wasm"] };
  return ort.InferenceSession.create(await load(`graphs/${name}.onnx`), options);
}

/** The two sessions of a depth; those of the depth before are let go. */
async function sessions(depth) {
  if (!opened.has(depth)) {
    for (const [other, { stepping, seeing }] of opened) {
      opened.delete(other);
      await Promise.all([stepping.release(), seeing.release()]);
    }
    const [stepping, seeing] = await Promise.all([session(`step-${depth}`), session(`network-${depth}`)]);
    opened.set(depth, { stepping, seeing });
  }
  return opened.get(depth);
}

async function read(file) {
  if (file.size === 0) throw say("The file is empty.");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw say("This file is no picture that this browser can read. PNG, JPEG and WebP are read everywhere.");
  }
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS) {
    bitmap.close();
    throw say(
      `The picture has ${Math.round((width * height) / 1e6)} million pixels; this page takes up to ${MAX_PIXELS / 1e6} million.`,
    );
  }
  // A photograph's own pixels are blurred; shrunk, they hold the detail that there is to learn.
  const shrink = Math.min(1, SIDE / Math.min(width, height));
  const columns = Math.max(1, Math.round(width * shrink));
  const rows = Math.max(1, Math.round(height * shrink));
  const side = { columns: Math.min(SIDE, columns), rows: Math.min(SIDE, rows) };
  const context = new OffscreenCanvas(side.columns, side.rows).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white"; // behind what is transparent
  context.fillRect(0, 0, side.columns, side.rows);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (side.columns - columns) / 2, (side.rows - rows) / 2, columns, rows);
  bitmap.close();
  own = lumaOf(context.getImageData(0, 0, side.columns, side.rows));
  postMessage({ picture: { rows: own.rows, columns: own.columns, width, height } });
}

async function open(message) {
  running = false;
  run = null;
  await start();
  const { settings } = message;
  const train = message.own && own ? [own] : embedded.train;
  const smallest = Math.min(...train.map(({ rows, columns }) => Math.min(rows, columns)));
  if (smallest - Math.max(...[...settings.scales].map((s) => smallest % Number(s))) < settings.patch) {
    throw say(
      `The picture is too small: ${smallest} pixels across, and a patch needs ${settings.patch}. Choose smaller patches or another picture.`,
    );
  }
  run = await Run.open(ort, sessions, settings, { train, test: embedded.test });
  id = message.id;
  const { floor, patches, test, trainer } = run;
  postMessage({ opened: { floor, test, patches: patches.count, weights: trainer.weights.length }, id });
  postMessage({ progress: { step: 0, losses: [], moment: null, look: await run.look(), took: 0 }, id });
}

/** Some steps, and a message about them. */
async function advance(most) {
  if (!run) return;
  const began = performance.now();
  const losses = [];
  let moment = null;
  let look = null;
  let ended = false;
  while (losses.length < most && performance.now() - began < MESSAGE) {
    moment = await run.advance();
    losses.push(moment.loss);
    ended = !Number.isFinite(moment.loss);
    if (ended || isDue(run.step) || most === 1) break;
  }
  const took = performance.now() - began;
  if (ended || isDue(run.step) || most === 1) look = await run.look();
  if (ended || run.step >= LAST_STEP) running = false;
  postMessage({ progress: { step: run.step, losses, moment, look, took, ended }, id });
  if (ended) run = null;
}

const again = new MessageChannel(); // a timer would wait 4 ms each time
again.port1.onmessage = () =>
  enqueue(async () => {
    if (!running) return;
    await advance(Infinity);
    if (running) again.port2.postMessage(null);
  });

/** A run to its end, and what it was like there; `marks` are steps to look at it before. */
async function trial({ settings, steps, marks = [] }) {
  await start();
  const tried = await Run.open(ort, sessions, settings, embedded);
  const { floor } = tried;
  const seen = {};
  let sum = 0;
  let count = 0;
  while (tried.step < steps) {
    const { step, loss } = await tried.advance();
    if (!Number.isFinite(loss)) return { ended: step, floor, seen };
    sum += loss;
    count++;
    if (step % 20 === 0) postMessage({ tried: step });
    if (step < steps && !marks.includes(step)) continue;
    const { psnr, added, spread } = await tried.look();
    seen[step] = { loss: sum / count, psnr, added, spread }; // the mean loss since the mark before
    sum = count = 0;
  }
  return { ended: 0, floor, seen, psnr: seen[steps].psnr };
}

const tasks = {
  read: ({ file }) => read(file),
  open,
  go: async () => {
    if (!run || running) return;
    running = true;
    again.port2.postMessage(null);
  },
  step: async () => {
    running = false;
    await advance(1);
  },
  pause: async () => {
    running = false;
    if (run)
      postMessage({ progress: { step: run.step, losses: [], moment: null, look: await run.look(), took: 0 }, id });
  },
  trial: async (message) => postMessage({ trial: await trial(message) }),
};

// One thing at a time, in the order in which it was asked for.
let queue = Promise.resolve();

function enqueue(work) {
  queue = queue.then(work).catch((error) => {
    running = false;
    postMessage({ error: error.forReader ? error.message : `Something went wrong: ${error.message ?? error}` });
  });
}

self.onmessage = ({ data }) => {
  if (data.task === "pause" || data.task === "open") running = false; // at once, not in turn
  enqueue(() => tasks[data.task](data));
};
