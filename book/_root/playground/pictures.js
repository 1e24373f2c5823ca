// The held-out picture wiped against another one, the residual, the first kernels: pixels stay squares.

import { toByte } from "./data.js";

/** What a residual is multiplied with to be seen. */
export const AMPLIFIED = 4;

/** Size a canvas in CSS so that each of its pixels is a whole number of the screen's, as wide as its box allows. */
export function fit(canvas, room) {
  const ratio = devicePixelRatio || 1;
  const zoom = Math.max(1, Math.floor((room * ratio) / canvas.width));
  canvas.style.width = `${(canvas.width * zoom) / ratio}px`;
  canvas.style.height = `${(canvas.height * zoom) / ratio}px`;
}

/**
 * Two planes in one canvas, the first left of the line.
 * @param {HTMLCanvasElement} canvas
 * @param {(at: number) => number} left  a value in [0, 1] for each place
 * @param {(at: number) => number} right
 * @param {number} part  where the line is, in [0, 1]
 */
export function drawWiped(canvas, rows, columns, left, right, part) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const line = Math.round(part * columns);
  for (let at = 0; at < rows * columns; at++) {
    const value = toByte((at % columns < line ? left : right)(at));
    image.data[4 * at] = image.data[4 * at + 1] = image.data[4 * at + 2] = value;
    image.data[4 * at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** A residual as grey: 0 is the middle. NaN is black. */
export const asGrey = (value) => 0.5 + AMPLIFIED * value;

/** The first layer's kernels, 3 × 3 each, one beside the other; the strongest weight is black or white. */
export function drawKernels(canvas, kernels) {
  const across = Math.min(kernels.length, 8);
  const down = Math.ceil(kernels.length / across);
  canvas.width = across * 4 - 1;
  canvas.height = down * 4 - 1;
  const context = canvas.getContext("2d");
  const strongest = kernels.flat().reduce((most, weight) => Math.max(most, Math.abs(weight)), 1e-12);
  context.clearRect(0, 0, canvas.width, canvas.height);
  kernels.forEach((kernel, k) =>
    kernel.forEach((weight, tap) => {
      const grey = toByte(0.5 + (0.5 * weight) / strongest);
      context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
      context.fillRect((k % across) * 4 + (tap % 3), Math.floor(k / across) * 4 + Math.floor(tap / 3), 1, 1);
    }),
  );
}
