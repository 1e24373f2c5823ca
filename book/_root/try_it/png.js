// A PNG file, pixel by pixel as computed. A canvas would lose colour where the picture is transparent.
// pngjs is fetched with this module, when the first file is asked for.

import "./pngjs/browser.js";

const { PNG } = globalThis.png;

/** A Blob with as many channels as the picture needs: grey or RGB, and alpha where a pixel is transparent. */
export function encodePng({ data, width, height }) {
  let opaque = true;
  let grey = true;
  for (let i = 0; i < data.length && (opaque || grey); i += 4) {
    opaque &&= data[i + 3] === 255;
    grey &&= data[i] === data[i + 1] && data[i] === data[i + 2];
  }
  const colorType = (grey ? 0 : 2) + (opaque ? 0 : 4);
  return new Blob([PNG.sync.write({ data, width, height }, { colorType })], { type: "image/png" });
}
