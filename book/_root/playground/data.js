// Pictures to patches, as vdsr_lib/degradation.py and patches.py make them, and PSNR as metrics.py does.

import { axisWeights, interpolate } from "../try_it/imresize.js";

/**
 * @typedef {Object} Luma  one plane of a picture
 * @property {ArrayLike<number>} data  8-bit values, row by row
 * @property {number} rows
 * @property {number} columns
 *
 * @typedef {Object} Pair  what a network is given and what it is to give, both in [0, 1]
 * @property {Float32Array} interpolated
 * @property {Float32Array} highRes
 * @property {number} rows
 * @property {number} columns
 */

/** Crop to multiples of the scale, shrink, enlarge. @param {Luma} luma @returns {Pair} */
export function degrade(luma, scale) {
  const rows = luma.rows - (luma.rows % scale);
  const columns = luma.columns - (luma.columns % scale);
  const exact = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) exact[r * columns + c] = luma.data[r * luma.columns + c] / 255;
  }
  const small = resize(exact, rows, columns, 1 / scale, rows / scale, columns / scale);
  const wide = resize(small, rows / scale, columns / scale, scale, rows, columns);
  return { interpolated: Float32Array.from(wide), highRes: Float32Array.from(exact), rows, columns };
}

function resize(plane, rows, columns, scale, newRows, newColumns) {
  return interpolate(
    plane,
    columns,
    1,
    axisWeights(rows, scale, 0, newRows),
    axisWeights(columns, scale, 0, newColumns),
  );
}

/** All training pairs, one after another. */
export class Patches {
  /** Degrade whole pictures, then cut them, without overlap. @param {Luma[]} pictures @param {number[]} scales */
  constructor(pictures, scales, size) {
    const inputs = [];
    const targets = [];
    for (const picture of pictures) {
      for (const scale of scales) {
        const pair = degrade(picture, scale);
        for (let top = 0; top + size <= pair.rows; top += size) {
          for (let left = 0; left + size <= pair.columns; left += size) {
            inputs.push(cut(pair.interpolated, pair.columns, top, left, size));
            targets.push(cut(pair.highRes, pair.columns, top, left, size));
          }
        }
      }
    }
    if (!inputs.length) throw new Error(`No picture is large enough for a patch of ${size} × ${size} pixels.`);
    Object.assign(this, { inputs, targets, size, count: inputs.length });
  }

  /** The pairs at these places, as one batch. @param {number[]} index */
  batch(index) {
    const pixels = this.size ** 2;
    const x = new Float32Array(index.length * pixels);
    const y = new Float32Array(index.length * pixels);
    index.forEach((from, to) => {
      x.set(this.inputs[from], to * pixels);
      y.set(this.targets[from], to * pixels);
    });
    return { interpolated: x, highRes: y, shape: [index.length, 1, this.size, this.size] };
  }
}

function cut(plane, stride, top, left, size) {
  const part = new Float32Array(size * size);
  for (let r = 0; r < size; r++)
    part.set(plane.subarray((top + r) * stride + left, (top + r) * stride + left + size), r * size);
  return part;
}

/**
 * PSNR in dB of values in [0, 1], rounded to 8 bits as a picture is saved, without a border of `shave` pixels.
 * NaN when a value is none.
 */
export function psnr(values, truth, rows, columns, shave) {
  let sum = 0;
  for (let r = shave; r < rows - shave; r++) {
    for (let c = shave; c < columns - shave; c++) {
      const at = r * columns + c;
      sum += (toByte(values[at]) - toByte(truth[at])) ** 2;
    }
  }
  return 10 * Math.log10((255 ** 2 * (rows - 2 * shave) * (columns - 2 * shave)) / sum);
}

/** [0, 1] to the 8-bit scale: rounded half up, and clamped. */
export const toByte = (value) => Math.min(255, Math.max(0, Math.floor(value * 255 + 0.5)));

/** MATLAB's luma of RGBA pixels, rounded to 8 bits. @param {ImageData} image @returns {Luma} */
export function lumaOf({ data, width, height }) {
  const luma = new Uint8Array(width * height);
  for (let p = 0; p < luma.length; p++) {
    const exact = 16 + (65.481 * data[4 * p] + 128.553 * data[4 * p + 1] + 24.966 * data[4 * p + 2]) / 255;
    luma[p] = Math.floor(exact + 0.5);
  }
  return { data: luma, rows: height, columns: width };
}
