// What a page keeps of a run: points for the curves, few enough to draw at once.

const PER_DECADE = 30;

/** The bin of a step: each of the first steps its own, later ones even on a log axis. */
const binOf = (step) => Math.round(PER_DECADE * Math.log10(step));

export class Record {
  /** @param {import("./settings.js").Settings} settings */
  constructor(settings) {
    this.settings = settings;
    this.step = 0;
    this.ended = 0; // the step whose loss was no number
    this.floor = NaN;
    /** @type {[number, number][]} */
    this.loss = [];
    /** @type {[number, number][]} */
    this.psnr = [];
    this.moment = null; // of the last step whose loss was a number
    this.look = null;
    this.bin = { at: NaN, sum: 0, count: 0 };
  }

  /** Take a message of the worker's in. */
  add({ step, losses, moment, look, ended }) {
    losses.forEach((loss, k) => this.addLoss(step - losses.length + 1 + k, loss));
    this.step = step;
    if (ended) this.ended = step;
    if (moment && !ended) this.moment = moment;
    if (!look) return;
    this.look = look;
    if (look.step > 0 && !ended && this.psnr.at(-1)?.[0] !== look.step) this.psnr.push([look.step, look.psnr]);
  }

  /** A point of the loss is the mean over its bin, for a batch's own loss jumps about. */
  addLoss(step, loss) {
    if (!Number.isFinite(loss)) return;
    if (binOf(step) !== this.bin.at) {
      this.bin = { at: binOf(step), sum: 0, count: 0 };
      this.loss.push([step, loss]);
    }
    this.bin.sum += loss;
    this.bin.count++;
    this.loss[this.loss.length - 1] = [step, this.bin.sum / this.bin.count];
  }
}
