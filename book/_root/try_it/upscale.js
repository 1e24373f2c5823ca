// vdsr_lib/upscaling.py for pictures of 8 bits: luma by the network, colour and transparency by bicubic, tile by tile.

import { axisWeights, interpolate, outputSize } from "./imresize.js";

/** Side of a tile in output pixels. A tile and its margin take about 3 s on one thread with VDSR. */
export const TILE = 256;
/** More output pixels than this fill a phone's memory: three results of 4 bytes a pixel. */
export const MAX_PIXELS = 32e6;

// MATLAB's rgb2ycbcr on the 8-bit scale, and its exact inverse, as in vdsr_lib/images.py.
const FORWARD = [65.481, 128.553, 24.966, -37.797, -74.203, 112.0, 112.0, -93.786, -18.214].map((x) => x / 255);
const INVERSE = invert(FORWARD);

function invert([a, b, c, d, e, f, g, h, i]) {
  // biome-ignore format: a matrix
  const cofactors = [e * i - f * h, c * h - b * i, b * f - c * e,
                     f * g - d * i, a * i - c * g, c * d - a * f,
                     d * h - e * g, b * g - a * h, a * e - b * d];
  const determinant = a * cofactors[0] + b * cofactors[3] + c * cofactors[6];
  return cofactors.map((x) => x / determinant);
}

/** The rows and columns that come out. */
export function outputShape(rows, columns, scale) {
  return [outputSize(rows, scale), outputSize(columns, scale)];
}

/** MATLAB's luma of the pixel at `at` of 8-bit RGBA, rounded to 8 bits. */
export const lumaAt = (rgba, at) => Math.floor(toYcbcr(rgba, at, 0) + 16 + 0.5);

/** The tiles of a picture: `[top, left, bottom, right]` each. */
export function tiles(rows, columns, side = TILE) {
  const found = [];
  for (let top = 0; top < rows; top += side) {
    for (let left = 0; left < columns; left += side) {
      found.push([top, left, Math.min(top + side, rows), Math.min(left + side, columns)]);
    }
  }
  return found;
}

/**
 * One tile of the enlarged picture, as RGBA of 8 bits.
 * `picture` is `{data, width, height}` like ImageData, its hidden colour filled; `network` takes luma in [0, 1] and
 * its rows and columns, and sees `margin` pixels far; null is bicubic alone.
 */
export async function upscaleTile(picture, scale, [top, left, bottom, right], network, margin) {
  const [rows, columns] = outputShape(picture.height, picture.width, scale);
  if (scale === 1) network = null; // nothing was lost, so there is nothing to restore
  const reach = network ? margin : 0;
  const above = Math.max(0, top - reach);
  const below = Math.min(rows, bottom + reach);
  const before = Math.max(0, left - reach);
  const after = Math.min(columns, right + reach);
  const down = axisWeights(picture.height, scale, above, below);
  const across = axisWeights(picture.width, scale, before, after);
  const wide = interpolate(picture.data, picture.width, 4, down, across);
  const restored = network ? await network(lumaOf(wide), down.count, across.count) : null;

  const result = new Uint8ClampedArray((bottom - top) * (right - left) * 4);
  let to = 0;
  for (let r = top - above; r < bottom - above; r++) {
    for (let c = left - before; c < right - before; c++, to += 4) {
      const pixel = r * across.count + c;
      const colour = wide.subarray(pixel * 4, pixel * 4 + 4);
      if (restored) replaceLuma(colour, restored[pixel] * 255);
      for (let i = 0; i < 4; i++) result[to + i] = Math.floor(colour[i] + 0.5); // half up, and clamped by the array
    }
  }
  return result;
}

/** What the network is to see: luma held to [16, 235], which bicubic overshoots, as float32 in [0, 1]. */
function lumaOf(rgba) {
  const luma = new Float32Array(rgba.length / 4);
  for (let p = 0; p < luma.length; p++) {
    luma[p] = Math.min(235, Math.max(16, toYcbcr(rgba, p * 4, 0) + 16)) / 255;
  }
  return luma;
}

function toYcbcr(rgba, at, row) {
  return rgba[at] * FORWARD[3 * row] + rgba[at + 1] * FORWARD[3 * row + 1] + rgba[at + 2] * FORWARD[3 * row + 2];
}

function replaceLuma(colour, luma) {
  const y = luma - 16;
  const cb = toYcbcr(colour, 0, 1);
  const cr = toYcbcr(colour, 0, 2);
  for (let i = 0; i < 3; i++) colour[i] = y * INVERSE[3 * i] + cb * INVERSE[3 * i + 1] + cr * INVERSE[3 * i + 2];
}

/** Give pixels of alpha 0 the colour of a visible pixel near them, so that no hidden colour bleeds into the edge. */
export function fillHiddenColour({ data, width, height }) {
  let front = [];
  const filled = new Uint8Array(width * height);
  for (let p = 0; p < filled.length; p++) {
    if (data[4 * p + 3] > 0) {
      filled[p] = 1;
      front.push(p);
    }
  }
  if (front.length === filled.length) return;
  while (front.length) {
    const next = [];
    for (const p of front) {
      const x = p % width;
      const y = (p - x) / width;
      for (const [dx, dy] of [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ]) {
        const q = p + dx + dy * width;
        if (x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height || filled[q]) continue;
        filled[q] = 1;
        for (let i = 0; i < 3; i++) data[4 * q + i] = data[4 * p + i];
        next.push(q);
      }
    }
    front = next;
  }
}
