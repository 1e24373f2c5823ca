// Decodes, computes and encodes apart from the page, which therefore never waits.
//
// In:  {task: "read", file}                        the picture to work on from now on
//      {task: "take", picture}                     the same, as another worker read it; there is no answer
//      {task: "upscale", scale, method, options}   method: {name, file, margin, check}, or {name} for bicubic
//      {task: "png", picture}
// Out: {picture} · {shape, device, count} then {tile, pixels, done, count} … then {finished: seconds} · {png} · {error}

import { openNetwork } from "./network.js";
import { takeOrientation, upright } from "./orientation.js";
import { encodePng } from "./png.js";
import { fillHiddenColour, MAX_PIXELS, outputShape, tiles, upscaleTile } from "./upscale.js";

let picture = null;
const networks = new Map();

const say = (words) => Object.assign(new Error(words), { forReader: true });
const millions = (pixels) => (pixels / 1e6).toFixed(pixels < 1e7 ? 1 : 0);

async function read(file) {
  if (file.size === 0) throw say("The file is empty.");
  const { orientation, bytes } = takeOrientation(new Uint8Array(await file.arrayBuffer()));
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes], { type: file.type }));  // colours as the screen has them
  } catch {
    throw say("This file is no picture that this browser can read. PNG, JPEG and WebP are read everywhere.");
  }
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS) {
    bitmap.close();
    throw say(`The picture has ${millions(width * height)} million pixels; this page takes up to ${millions(MAX_PIXELS)} million.`);
  }
  const context = upright(bitmap, orientation);
  bitmap.close();
  const shown = context.getImageData(0, 0, context.canvas.width, context.canvas.height);
  take(new ImageData(shown.data.slice(), shown.width, shown.height));
  postMessage({ picture: shown }, [shown.data.buffer]);
}

function take(given) {
  fillHiddenColour(given);
  picture = given;
}

async function upscale(scale, method, options) {
  const [rows, columns] = outputShape(picture.height, picture.width, scale);
  if (rows * columns > MAX_PIXELS) {
    throw say(
      `At this scale ${millions(rows * columns)} million pixels would come out; this page makes up to ` +
      `${millions(MAX_PIXELS)} million. Choose a smaller scale, or a part of the picture.`
    );
  }
  if (method.file && !networks.has(method.file)) networks.set(method.file, await openNetwork(method, options));
  const network = networks.get(method.file);
  const work = tiles(rows, columns);
  postMessage({ shape: [rows, columns], device: network?.device, count: work.length });
  const start = performance.now();
  for (const [done, tile] of work.entries()) {
    const pixels = await upscaleTile(picture, scale, tile, network?.run ?? null, method.margin);
    postMessage({ tile, pixels, done: done + 1, count: work.length }, [pixels.buffer]);
  }
  postMessage({ finished: (performance.now() - start) / 1000 });
}

self.onmessage = async ({ data }) => {
  try {
    if (data.task === "read") await read(data.file);
    if (data.task === "take") take(data.picture);
    if (data.task === "upscale") await upscale(data.scale, data.method, data.options);
    if (data.task === "png") postMessage({ png: await encodePng(data.picture) });
  } catch (error) {
    const words = error.forReader ? error.message : `Something went wrong: ${error.message ?? error}`;
    postMessage({ error: words });
  }
};
