// The page's modules without a page. `node playground.js NAME` reads inputs as JSON and writes the answer as JSON.

import fs from "node:fs";
import { drawLayers } from "../../book/_root/playground/chart.js";
import { degrade, lumaOf, Patches, psnr } from "../../book/_root/playground/data.js";
import { countWeights, initialWeights } from "../../book/_root/playground/engine.js";
import { EXERCISES, fromAddress } from "../../book/_root/playground/exercises.js";
import { PRESETS } from "../../book/_root/playground/presets.js";
import { QUESTIONS } from "../../book/_root/playground/questions.js";
import { normal } from "../../book/_root/playground/random.js";
import { Record } from "../../book/_root/playground/record.js";
import { Run } from "../../book/_root/playground/run.js";
import { differences, FIELDS, format, parse, schedule, USUAL } from "../../book/_root/playground/settings.js";
import { ending, standing, timed } from "../../book/_root/playground/story.js";

const read = (query) => parse(new URLSearchParams(query));

const probes = {
  patches({ pictures, scales, size }) {
    const patches = new Patches(pictures, scales, size);
    const batch = patches.batch(Array.from({ length: patches.count }, (_, k) => k));
    return { x: Array.from(batch.interpolated), y: Array.from(batch.highRes), shape: batch.shape };
  },

  scores({ rgba, ...plane }) {
    const { data } = lumaOf({ data: rgba, width: plane.columns, height: plane.rows });
    const scores = [2, 3, 4].map((scale) => {
      const { interpolated, highRes, rows, columns } = degrade(plane, scale);
      return psnr(interpolated, highRes, rows, columns, scale);
    });
    return { luma: Array.from(data), scores };
  },

  weights({ shapes }) {
    return shapes.map(([depth, width]) => {
      const [he, small] = ["he", "small"].map((init) => Array.from(initialWeights(depth, width, init, normal(1))));
      return { depth, width, count: countWeights(depth, width), he, small };
    });
  },

  batches({ seed, steps, count, batch }) {
    const index = (step) =>
      Run.prototype.index.call({ settings: { batch, seed }, patches: { count }, orders: new Map() }, step);
    return steps.map(index);
  },

  address() {
    const lost = FIELDS.flatMap(({ key, values }) =>
      values.filter((value) => {
        const settings = { ...USUAL, [key]: value };
        return JSON.stringify(read(String(format(settings))).settings) !== JSON.stringify(settings);
      }),
    );
    return {
      usual: String(format(USUAL)),
      lost,
      faulty: read("depth=99&width=x&kind=odd&theta=&seed=1e9&nothing=1"),
      nearest: read("rate=0.0123&depth=4.4").settings,
      words: differences({ ...USUAL, clip: "none" }, USUAL),
      dropped: [0, 99, 100, 250].map((step) => schedule({ ...USUAL, drop: 100 }, step)),
      values: Object.fromEntries(FIELDS.map(({ key, values }) => [key, values])),
    };
  },

  story({ look, floor }) {
    const tell = (changes, settings = USUAL) => standing({ ...look, ...changes }, floor, settings);
    return {
      good: tell({}),
      constant: tell({ psnr: floor - 0.1, spread: 1e-5 }),
      same: tell({ added: 1e-4, spread: 1e-4 }),
      none: tell({ psnr: NaN }),
      plain: tell({ psnr: floor - 5 }, { ...USUAL, kind: "plain" }),
      ready: tell({ step: 0 }),
      end: ending(4, { step: 3, rate: 0.1, largest: [1, 2e5] }, { ...USUAL, clip: "none" }),
    };
  },

  /** What is written on which device computes; null stands for no time. */
  timed: ({ cases }) =>
    cases.map(({ card, processor, ...rest }) => timed({ card: card ?? NaN, processor: processor ?? NaN, ...rest })),

  /** The drawing of the layers' gradients; null stands for an infinite one. */
  layers({ largest, typical, share, bound }) {
    const svg = { innerHTML: "", setAttribute() {} };
    drawLayers(svg, { largest, typical: typical.map((value) => value ?? Infinity), share, bound: bound ?? Infinity });
    return svg.innerHTML;
  },

  record({ losses, ended }) {
    const record = new Record(USUAL);
    record.add({
      step: losses.length,
      losses: losses.map((loss) => loss ?? NaN),
      moment: { loss: 1 },
      look: null,
      ended,
    });
    return { loss: record.loss, step: record.step, ended: record.ended, moment: record.moment };
  },

  /** Verdicts of the exercises, training nothing: `outcome` says what a run of these settings comes to. */
  async exercises({ cases }) {
    const answers = [];
    for (const { exercise, address, rules } of cases) {
      const trial = async (settings) => {
        const rule = rules.find(({ when }) => Object.entries(when).every(([key, value]) => settings[key] === value));
        return { ended: 0, floor: 30, psnr: 31, ...rule?.then };
      };
      try {
        answers.push(
          await EXERCISES[exercise](fromAddress(address, "https://example.org/book/playground.html"), trial),
        );
      } catch (error) {
        answers.push({ passed: false, words: error.message });
      }
    }
    return answers;
  },

  /** What a chapter's link asks for. */
  link({ query }) {
    const asked = new URLSearchParams(query);
    const { settings, faults } = parse(asked);
    return {
      faults,
      changed: String(format(settings)),
      ask: Object.hasOwn(QUESTIONS, asked.get("ask")) && asked.get("ask"),
    };
  },

  presets: () =>
    PRESETS.map(({ changes, ...preset }) => ({ ...preset, query: String(format({ ...USUAL, ...changes })) })),
};

const answer = await probes[process.argv[2]](JSON.parse(fs.readFileSync(0)));
process.stdout.write(JSON.stringify(answer));
