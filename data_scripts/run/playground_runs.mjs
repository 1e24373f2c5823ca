// Lets the page's own modules train without a browser: `node playground_runs.mjs FOLDER speed` or `… presets`.
// FOLDER is where data_scripts/run/playground.py has laid out graphs and pictures. The answer is JSON.

import fs from "node:fs";
import { PRESETS } from "../../book/_root/playground/presets.js";
import { Run } from "../../book/_root/playground/run.js";
import { USUAL } from "../../book/_root/playground/settings.js";

const [folder, task] = process.argv.slice(2);
const dist = new URL("../../node_modules/onnxruntime-web/dist/", import.meta.url);
const ort = await import(new URL("ort.wasm.min.mjs", dist));
Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: dist.href });
ort.env.logLevel = "error";

const read = (name) => new Uint8Array(fs.readFileSync(`${folder}/${name}`));
const list = JSON.parse(fs.readFileSync(`${folder}/pictures.json`));
const plane = ({ file, rows, columns }) => ({ data: read(file), rows, columns });
const pictures = { train: list.train.map(plane), test: plane(list.test) };
const opened = new Map();

async function sessions(depth) {
  if (!opened.has(depth)) {
    const open = (name) =>
      ort.InferenceSession.create(read(`graphs/${name}-${depth}.onnx`), { executionProviders: ["wasm"] });
    opened.set(depth, { stepping: await open("step"), seeing: await open("network") });
  }
  return opened.get(depth);
}

const open = (changes) => Run.open(ort, sessions, { ...USUAL, ...changes }, pictures);

/** Steps a second of one core: the median of some, in processor time, for a shared machine's clock runs for others too. */
async function speed() {
  const answers = {};
  for (const [name, changes, count] of [
    ["small", { width: 12 }, 60],
    ["deep", { depth: 10 }, 40],
    ["largest", { depth: 12, batch: 16, patch: 41 }, 8],
  ]) {
    const run = await open(changes);
    const times = [];
    for (let k = 0; k < count + 3; k++) {
      const began = process.cpuUsage();
      await run.advance();
      const { user, system } = process.cpuUsage(began);
      if (k >= 3) times.push((user + system) / 1e6);
    }
    answers[name] = 1 / times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
  }
  return answers;
}

const SEEDS = [1, 2, 3];
const MARKS = [5, 50, 100, 200, 300];

/** What each preset's sentence rests on: its runs with three seeds. */
async function presets() {
  const answers = {};
  for (const { key, changes } of PRESETS) {
    for (const seed of SEEDS) {
      const run = await open({ ...changes, seed });
      const seen = { floor: run.floor, ended: 0, loss: {}, gain: {}, added: {}, spread: {} };
      let sum = 0;
      let count = 0;
      for (let step = 1; step <= MARKS.at(-1); step++) {
        const { loss } = await run.advance();
        if (!Number.isFinite(loss)) {
          seen.ended = step;
          break;
        }
        sum += loss;
        count++;
        if (!MARKS.includes(step)) continue;
        const look = await run.look();
        seen.loss[step] = sum / count; // the mean since the mark before
        [sum, count] = [0, 0];
        seen.gain[step] = look.psnr - run.floor;
        seen.added[step] = look.added;
        seen.spread[step] = look.spread;
      }
      answers[key] ??= {};
      answers[key][seed] = seen;
      process.stderr.write(`${key}, seed ${seed}: ${JSON.stringify(seen.gain)} ${seen.ended}\n`);
    }
  }
  return answers;
}

const rounded = (_key, value) => (typeof value === "number" ? Number(value.toPrecision(4)) : value);
const answer = await { speed, presets }[task]();
process.stdout.write(`${JSON.stringify(answer, rounded, 1)}\n`);
