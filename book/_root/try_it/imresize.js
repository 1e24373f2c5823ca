// MATLAB's imresize, bicubic, as in vdsr_lib/resize.py: one table of weights for each axis.

/** Keys' cubic convolution kernel with a = -0.5. */
function cubic(x) {
  const d = Math.abs(x);
  if (d <= 1) return 1.5 * d ** 3 - 2.5 * d ** 2 + 1;
  if (d <= 2) return -0.5 * d ** 3 + 2.5 * d ** 2 - 4 * d + 2;
  return 0;
}

/** The length of an axis after a resize: ceil(scale * size), safe against 1.1 * 100 = 110.00000000000001. */
export function outputSize(size, scale) {
  const exact = size * scale;
  return Math.max(1, Math.ceil(exact - 1e-9 * Math.max(1, exact)));
}

/**
 * Which input pixels make the output pixels [start, stop), and how much of each.
 * `indices` and `weights` hold `taps` entries for each output pixel. Beyond the edge the picture is mirrored.
 * To shrink, the kernel is stretched so that it averages.
 */
export function axisWeights(size, scale, start, stop) {
  const stretch = Math.min(1, scale);
  const taps = Math.ceil(4 / stretch) + 2;
  const weights = new Float64Array((stop - start) * taps);
  const indices = new Int32Array((stop - start) * taps);
  for (let o = start; o < stop; o++) {
    const u = (o + 1) / scale + 0.5 * (1 - 1 / scale);
    const first = Math.floor(u - 2 / stretch);
    const at = (o - start) * taps;
    let sum = 0;
    for (let t = 0; t < taps; t++) {
      weights[at + t] = cubic(stretch * (u - (first + t)));
      sum += weights[at + t];
    }
    for (let t = 0; t < taps; t++) {
      weights[at + t] /= sum;
      const index = (((first + t - 1) % (2 * size)) + 2 * size) % (2 * size);
      indices[at + t] = index >= size ? 2 * size - 1 - index : index;
    }
  }
  return { weights, indices, taps, count: stop - start };
}

/**
 * A window of the resized picture, in double precision and not rounded: rows first, then columns, as the library.
 * `planes` holds `channels` values for each pixel of a picture `width` wide; the result does for each of the window.
 */
export function interpolate(planes, width, channels, rows, columns) {
  const stride = width * channels;
  // Of the input columns, only those that the window reads.
  let left = Infinity;
  let right = -1;
  for (const index of columns.indices) {
    if (index < left) left = index;
    if (index > right) right = index;
  }
  const span = (right - left + 1) * channels;
  const tall = new Float64Array(rows.count * span);
  for (let r = 0; r < rows.count; r++) {
    for (let t = 0; t < rows.taps; t++) {
      const weight = rows.weights[r * rows.taps + t];
      if (weight === 0) continue;
      const from = rows.indices[r * rows.taps + t] * stride + left * channels;
      for (let i = 0, to = r * span; i < span; i++, to++) tall[to] += planes[from + i] * weight;
    }
  }
  const result = new Float64Array(rows.count * columns.count * channels);
  for (let r = 0; r < rows.count; r++) {
    for (let c = 0; c < columns.count; c++) {
      const to = (r * columns.count + c) * channels;
      for (let t = 0; t < columns.taps; t++) {
        const weight = columns.weights[c * columns.taps + t];
        if (weight === 0) continue;
        const from = r * span + (columns.indices[c * columns.taps + t] - left) * channels;
        for (let i = 0; i < channels; i++) result[to + i] += tall[from + i] * weight;
      }
    }
  }
  return result;
}
