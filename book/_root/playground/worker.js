// Trains apart from the page, which therefore never waits.
//
// In:  {task: "read", file}                      a picture to train on instead of the embedded ones
//      {task: "open", id, settings, own, card}   a new run; own: train on the picture that was read;
//                                                card: on the graphics card, if that is faster here
//      {task: "go"} · {task: "pause"} · {task: "step"}
//      {task: "trial", settings, steps, marks}   a run of its own, without its steps being shown
// Out: {card} · {picture} · {timed, id} · {opened, id} · {progress, id} · {trial} · {error}

import { graphicsCard, runtime } from "../try_it/network.js";
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

async function load(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name} could not be loaded (${answer.status}).`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function loadPictures() {
  const list = JSON.parse(new TextDecoder().decode(await load("pictures.json")));
  const open = async ({ file, rows, columns }) => ({ data: await load(file), rows, columns });
  return { train: await Promise.all(list.train.map(open)), test: await open(list.test) };
}

/** What computes: ONNX Runtime on one device, and the two sessions of the depth that was asked for last. */
class Engine {
  /** @param {"cpu"|"gpu"} device */
  static async start(device) {
    // One thread: the pictures are small, and the same settings are to give the same run everywhere.
    const { ort, providers } = await runtime(device, 1);
    if (device === "gpu" && providers[0] !== "webgpu") throw new Error("no graphics card");
    embedded ??= await loadPictures();
    return Object.assign(new Engine(), { ort, providers, depth: 0, sessions: null });
  }

  async session(name) {
    const options = { executionProviders: this.providers, logSeverityLevel: 3 }; // no warning of nodes off the card
    return this.ort.InferenceSession.create(await load(`graphs/${name}.onnx`), options);
  }

  /** The sessions of a depth; those of the depth before are let go. */
  async open(depth) {
    if (this.depth === depth) return this.sessions;
    const old = this.sessions;
    this.depth = 0;
    await Promise.all([old?.stepping.release(), old?.seeing.release()]);
    const stepping = await this.session(`step-${depth}`); // one after the other: a card opens no two at once
    const seeing = await this.session(`network-${depth}`);
    this.sessions = { stepping, seeing };
    this.depth = depth;
    return this.sessions;
  }

  begin(settings, pictures) {
    return Run.open(this.ort, (depth) => this.open(depth), settings, pictures);
  }
}

const engines = new Map();

/** The engine of a device, started once; a start that failed is tried again the next time. */
async function engine(device) {
  if (!engines.has(device)) engines.set(device, await Engine.start(device));
  return engines.get(device);
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

let onCard = false;
let cardFailed = false;

const WARMING = 3;
const TIMED = 5;
/** So far, relative to how far the weights move, may a card's first step lie from the processor's. */
const ASIDE = 1e-3;
const races = new Map();

/** Milliseconds of a step, and where the first one led: the median of some. */
async function timeSteps(trying) {
  const start = trying.trainer.weights;
  const times = [];
  let first = null;
  for (let k = 0; k < WARMING + TIMED; k++) {
    const began = performance.now();
    await trying.advance();
    if (k >= WARMING) times.push(performance.now() - began);
    first ??= trying.trainer.weights.map((weight, p) => weight - start[p]);
  }
  return { first, time: times.sort((a, b) => a - b)[TIMED >> 1] };
}

/** Processor or card: the faster of the two at a network and batch of this size, if both compute the same. */
async function race(settings, pictures) {
  const size = ["depth", "width", "batch", "patch"].map((key) => settings[key]).join();
  if (!races.has(size)) {
    const wanted = { ...settings, clip: "value", rate: 0.1, theta: 2e-4 }; // that no run ends here
    const length = (vector) => Math.hypot(...vector);
    try {
      const card = await timeSteps(await (await engine("gpu")).begin(wanted, pictures));
      const processor = await timeSteps(await (await engine("cpu")).begin(wanted, pictures));
      const apart = length(card.first.map((step, p) => step - processor.first[p])) / length(processor.first);
      races.set(size, { card: card.time, processor: processor.time, equal: apart < ASIDE });
    } catch {
      races.set(size, { card: NaN, processor: NaN, equal: false });
    }
  }
  return races.get(size);
}

async function open(message) {
  running = false;
  run = null;
  let device = await engine("cpu");
  const { settings } = message;
  const train = message.own && own ? [own] : embedded.train;
  const smallest = Math.min(...train.map(({ rows, columns }) => Math.min(rows, columns)));
  if (smallest - Math.max(...[...settings.scales].map((s) => smallest % Number(s))) < settings.patch) {
    throw say(
      `The picture is too small: ${smallest} pixels across, and a patch needs ${settings.patch}. Choose smaller patches or another picture.`,
    );
  }
  const pictures = { train, test: embedded.test };
  onCard = false;
  if (message.card && !cardFailed) {
    const { card, processor, equal } = await race(settings, pictures);
    const faster = equal && card < processor;
    postMessage({ timed: { card, processor, equal, faster }, id: message.id });
    if (faster) device = await engine("gpu");
    onCard = faster;
  }
  run = await device.begin(settings, pictures);
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

/** The first steps are shown one by one, this far apart in milliseconds, or nobody would see a run explode. */
const SHOWN_STEPS = 10;
const APART = 120;

let loop = 0; // what was started last; a message of an earlier start finds another number, and ends
const again = new MessageChannel(); // a timer would wait 4 ms each time
again.port1.onmessage = ({ data }) =>
  enqueue(async () => {
    if (!running || data !== loop) return;
    const slow = run.step < SHOWN_STEPS;
    await advance(slow ? 1 : Infinity);
    if (!running) return;
    if (slow) setTimeout(() => again.port2.postMessage(data), APART);
    else again.port2.postMessage(data);
  });

/** A run to its end, and what it was like there; `marks` are steps to look at it before. */
async function trial({ settings, steps, marks = [] }) {
  const processor = await engine("cpu"); // an exercise is to end the same way everywhere
  const tried = await processor.begin(settings, embedded);
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
    again.port2.postMessage(++loop);
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
    if (onCard && !error.forReader) {
      cardFailed = true;
      postMessage({ error: "The graphics card has stopped. Started again, the run is the processor's." });
    } else postMessage({ error: error.forReader ? error.message : `Something went wrong: ${error.message ?? error}` });
  });
}

self.onmessage = ({ data }) => {
  if (data.task === "pause" || data.task === "open") running = false; // at once, not in turn
  enqueue(() => tasks[data.task](data));
};

graphicsCard().then((card) => postMessage({ card: card !== null }));
