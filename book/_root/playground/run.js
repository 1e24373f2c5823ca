// One run: what its settings make of the pictures, step by step, and what there is to see of it.

import { degrade, Patches, psnr } from "./data.js";
import { initialWeights, Trainer } from "./engine.js";
import { normal, shuffled } from "./random.js";
import { schedule } from "./settings.js";

/** The paper's weight decay. */
const DECAY = 1e-4;
/** No run is longer: the page draws, and a reader learns, nothing more. */
export const LAST_STEP = 10_000;
const PER_DECADE = 20;

/**
 * @typedef {Object} Look  what the held-out picture looks like after a step
 * @property {number} step
 * @property {number} psnr  in dB; NaN when a value is none
 * @property {Float32Array} prediction
 * @property {number} added  the largest difference between the network's output and its input
 * @property {number} spread  how far the smallest and the largest difference lie apart: 0 when one constant is added
 * @property {number[][]} kernels  the first layer's, 9 values each
 *
 * @typedef {Object} Moment  what one step was like
 * @property {number} step
 * @property {number} loss
 * @property {number} norm
 * @property {number} rate
 * @property {number} bound
 * @property {number[]} largest
 * @property {number[]} typical
 * @property {number[]} share
 */

export class Run {
  /**
   * @param {any} ort
   * @param {(depth: number) => Promise<{stepping: any, seeing: any}>} sessions
   * @param {import("./settings.js").Settings} settings
   * @param {{train: import("./data.js").Luma[], test: import("./data.js").Luma}} pictures
   */
  static async open(ort, sessions, settings, pictures) {
    const { stepping, seeing } = await sessions(settings.depth);
    return new Run(ort, stepping, seeing, settings, pictures);
  }

  constructor(ort, stepping, seeing, settings, pictures) {
    this.settings = settings;
    this.step = 0;
    this.patches = new Patches(pictures.train, [...settings.scales].map(Number), settings.patch);
    this.test = degrade(pictures.test, settings.test);
    this.floor = this.score(this.test.interpolated);
    const { depth, width, init, seed, momentum } = settings;
    const weights = initialWeights(depth, width, init, normal(seed));
    const about = { width, residual: settings.kind === "residual", momentum, decay: DECAY };
    this.trainer = new Trainer(ort, stepping, seeing, about, weights);
    this.orders = new Map();
  }

  score(values) {
    const { highRes, rows, columns } = this.test;
    return psnr(values, highRes, rows, columns, this.settings.test);
  }

  /** The patches of a step: one shuffled pass after another, cut into batches without regard to the seams. */
  index(step) {
    const { batch, seed } = this.settings;
    const { count } = this.patches;
    return Array.from({ length: batch }, (_, k) => {
      const position = step * batch + k;
      const pass = Math.floor(position / count);
      if (!this.orders.has(pass)) {
        this.orders.delete(pass - 2);
        this.orders.set(pass, shuffled(count, seed * 1_000_003 + pass));
      }
      return this.orders.get(pass)[position % count];
    });
  }

  /** Go one step on. @returns {Promise<Moment>}  its loss is no number when the run is over */
  async advance() {
    const now = schedule(this.settings, this.step);
    const seen = await this.trainer.step(this.patches.batch(this.index(this.step)), now);
    this.step++;
    return { step: this.step, rate: now.rate, bound: now.bound, maxNorm: now.maxNorm, ...seen };
  }

  /** Look at the held-out picture. @returns {Promise<Look>} */
  async look() {
    const { interpolated, rows, columns } = this.test;
    const prediction = await this.trainer.predict(interpolated, rows, columns);
    const residual = prediction.map((value, p) => value - interpolated[p]);
    const smallest = residual.reduce((a, b) => Math.min(a, b));
    const largest = residual.reduce((a, b) => Math.max(a, b));
    const added = Math.max(-smallest, largest);
    const spread = largest - smallest;
    const kernels = Array.from({ length: this.settings.width }, (_, k) =>
      Array.from(this.trainer.weights.subarray(9 * k, 9 * k + 9)),
    );
    return { step: this.step, psnr: this.score(prediction), prediction, added, spread, kernels };
  }
}

/** Is this a step to look at the picture after? Some twenty in each decade, evenly on a log axis. */
export function isDue(step) {
  return (
    step === 0 || Math.floor(PER_DECADE * Math.log10(step + 0.5)) > Math.floor(PER_DECADE * Math.log10(step - 0.5))
  );
}
