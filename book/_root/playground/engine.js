// VDSR and its training step, by ONNX Runtime: graphs that data_scripts/…/training_graphs.py wrote.

/** Weights of a network: each layer's channels in and out. */
export function layers(depth, width) {
  return Array.from({ length: depth }, (_, k) => ({ inputs: k ? width : 1, outputs: k < depth - 1 ? width : 1 }));
}

/** Number of weights and biases. */
export function countWeights(depth, width) {
  return layers(depth, width).reduce((sum, { inputs, outputs }) => sum + (9 * inputs + 1) * outputs, 0);
}

/** Initial weights, flat: kernel and bias of each layer. `gauss` gives normal numbers; biases are zero. */
export function initialWeights(depth, width, init, gauss) {
  const weights = new Float32Array(countWeights(depth, width));
  let at = 0;
  for (const { inputs, outputs } of layers(depth, width)) {
    const sigma = init === "he" ? Math.sqrt(2 / (9 * inputs)) : 0.001;
    for (const end = at + 9 * inputs * outputs; at < end; at++) weights[at] = sigma * gauss();
    at += outputs;
  }
  return weights;
}

/** A network in training: its weights and momenta, and what moves them. */
export class Trainer {
  /**
   * @param {any} ort  ONNX Runtime
   * @param {any} stepping  the session of a training step
   * @param {any} seeing  the session of the network alone
   * @param {{width: number, residual: boolean, momentum: number, decay: number}} about
   * @param {Float32Array} weights
   */
  constructor(ort, stepping, seeing, about, weights) {
    Object.assign(this, { ort, stepping, seeing, about, weights, momenta: new Float32Array(weights.length) });
    this.finite = weights; // the last weights whose loss was seen to be a number
    this.fixed = {
      width: new ort.Tensor("int64", BigInt64Array.of(BigInt(about.width)), [1]),
      skip: this.scalar(about.residual ? 1 : 0),
    };
    this.optimizer = { momentum: this.scalar(about.momentum), decay: this.scalar(about.decay) };
  }

  scalar(value) {
    return new this.ort.Tensor("float32", Float32Array.of(value), []);
  }

  flat(values) {
    return new this.ort.Tensor("float32", values, [values.length]);
  }

  /**
   * One step. The loss is that of the weights before it; where that is no number, the last ones with a number return.
   * @param {{interpolated: Float32Array, highRes: Float32Array, shape: number[]}} batch
   * @param {{rate: number, bound: number, maxNorm: number}} now
   * @returns {Promise<{loss: number, norm: number, largest: number[], typical: number[], share: number[]}>}
   */
  async step({ interpolated, highRes, shape }, { rate, bound, maxNorm }) {
    const out = await this.stepping.run({
      ...this.fixed,
      ...this.optimizer,
      weights: this.flat(this.weights),
      momenta: this.flat(this.momenta),
      interpolated: new this.ort.Tensor("float32", interpolated, shape),
      high_res: new this.ort.Tensor("float32", highRes, shape),
      rate: this.scalar(rate),
      bound: this.scalar(bound),
      max_norm: this.scalar(maxNorm),
    });
    const loss = out.loss.data[0];
    if (Number.isFinite(loss)) {
      this.finite = this.weights;
      this.weights = out.new_weights.data;
      this.momenta = out.new_momenta.data;
    } else this.weights = this.finite;
    const [largest, typical, share] = ["largest", "typical", "share"].map((name) => Array.from(out[name].data));
    return { loss, norm: out.norm.data[0], largest, typical, share };
  }

  /** The network's answer to one picture, by these weights. */
  async predict(interpolated, rows, columns, weights = this.weights) {
    const x = new this.ort.Tensor("float32", interpolated, [1, 1, rows, columns]);
    const { prediction } = await this.seeing.run({ ...this.fixed, weights: this.flat(weights), interpolated: x });
    return prediction.data;
  }
}
