// How near a result is to the truth, as in vdsr_lib/metrics.py: PSNR of luma, its border left out.

import { lumaAt } from "./upscale.js";

/** PSNR in dB between two ImageData of one size, by their luma on the 8-bit scale, `border` pixels cut off. */
export function psnr(one, other, border) {
  const { width, height } = one;
  let sum = 0;
  let count = 0;
  for (let y = border; y < height - border; y++) {
    for (let x = border; x < width - border; x++, count++) {
      const at = (y * width + x) * 4;
      sum += (lumaAt(one.data, at) - lumaAt(other.data, at)) ** 2;
    }
  }
  return count ? 10 * Math.log10(255 ** 2 / (sum / count)) : NaN;
}

/** A window of a picture whose pixels are computed when they are seen: `pixel(x, y)` gives [red, green, blue, alpha]. */
export function windowOf(pixel, left, top, width, height) {
  const picture = new ImageData(width, height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 4) picture.data.set(pixel(left + x, top + y), to);
  }
  return picture;
}

/** The small picture, each pixel as large as the scale makes it. */
export function enlarged(small, scale) {
  return (x, y) => {
    const from =
      Math.min(small.height - 1, Math.floor(y / scale)) * small.width +
      Math.min(small.width - 1, Math.floor(x / scale));
    return small.data.subarray(4 * from, 4 * from + 4);
  };
}

/** What one picture has and another not, in luma, four times as strong; equal is grey. */
export function difference(one, other) {
  return (x, y) => {
    const at = (y * one.width + x) * 4;
    const grey = 128 + 4 * (lumaAt(one.data, at) - lumaAt(other.data, at));
    return [grey, grey, grey, 255];
  };
}
