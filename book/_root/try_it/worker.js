// Decodes, computes and encodes apart from the page, which therefore never waits.
//
// In:  {task: "read", file}                        the picture to work on from now on
//      {task: "take", picture}                     the same, as another worker read it; there is no answer
//      {task: "upscale", scale, part, centre, method, options}
//                                                  part: {left, top, width, height} of the picture; centre: [x, y] of the
//                                                  result, in shares; method: {name, file, margin, check}, or {name}
//      {task: "look", centre}                      what is seen now, and therefore computed next
//      {task: "png", picture}
// Out: {picture} · {shape, device, count} then {tile, pixels, done, count} … then {finished: seconds} · {png} · {error}

import { openNetwork } from "./network.js";
import { takeOrientation, upright } from "./orientation.js";
import { fillHiddenColour, MAX_PIXELS, outputShape, tiles, upscaleTile } from "./upscale.js";

let picture = null;
const networks = new Map();

const say = (words) => Object.assign(new Error(words), { forReader: true });
const millions = (pixels) => (pixels / 1e6).toFixed(pixels < 1e7 ? 1 : 0);

/** What a file that the browser cannot read is, by its first bytes; the reason is the true one. */
function kindOf(bytes) {
  const head = String.fromCharCode(...bytes.subarray(0, 512));
  if (/^(II\*\0|MM\0\*)/.test(head))
    return "This is a TIFF file, which this browser does not read. The command vdsr does.";
  if (/<svg[\s>]/i.test(head)) return "This is an SVG drawing. It has no pixels, and is sharp at any size already.";
  if (/^....ftyp(hei|hev|mif)/s.test(head))
    return "This is a HEIC file, which this browser does not read. Save it as JPEG or PNG first.";
  return "This file is no picture that this browser can read. PNG, JPEG and WebP are read everywhere.";
}

async function read(file) {
  if (file.size === 0) throw say("The file is empty.");
  const { orientation, bytes } = takeOrientation(new Uint8Array(await file.arrayBuffer()));
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes], { type: file.type })); // colours as the screen has them
  } catch {
    throw say(kindOf(bytes));
  }
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS) {
    bitmap.close();
    throw say(
      `The picture has ${millions(width * height)} million pixels; this page takes up to ${millions(MAX_PIXELS)} million.`,
    );
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

let looked = [0.5, 0.5];

/** A part of the picture, as a picture. */
function cut({ left, top, width, height }) {
  if (width === picture.width && height === picture.height) return picture;
  const data = new Uint8ClampedArray(width * height * 4);
  for (let row = 0; row < height; row++) {
    const from = ((top + row) * picture.width + left) * 4;
    data.set(picture.data.subarray(from, from + width * 4), row * width * 4);
  }
  return new ImageData(data, width, height);
}

async function upscale({ scale, part, centre, method, options }) {
  const input = cut(part);
  const [rows, columns] = outputShape(input.height, input.width, scale);
  looked = centre;
  if (method.file && !networks.has(method.file)) networks.set(method.file, await openNetwork(method, options));
  const network = networks.get(method.file);
  const work = tiles(rows, columns);
  const count = work.length;
  postMessage({ shape: [rows, columns], device: network?.device, count });
  const start = performance.now();
  const distance = ([top, left, bottom, right]) =>
    Math.hypot((left + right) / 2 - looked[0] * columns, (top + bottom) / 2 - looked[1] * rows);
  for (let done = 1; work.length; done++) {
    const next = work.reduce((best, tile, k) => (distance(tile) < distance(work[best]) ? k : best), 0);
    const [tile] = work.splice(next, 1);
    const pixels = await upscaleTile(input, scale, tile, network?.run ?? null, method.margin);
    postMessage({ tile, pixels, done, count }, [pixels.buffer]);
    await new Promise((heard) => setTimeout(heard)); // a message may say what is seen now
  }
  postMessage({ finished: (performance.now() - start) / 1000 });
}

self.onmessage = async ({ data }) => {
  try {
    if (data.task === "read") await read(data.file);
    if (data.task === "take") take(data.picture);
    if (data.task === "look") looked = data.centre;
    if (data.task === "upscale") await upscale(data);
    if (data.task === "png") {
      const { encodePng } = await import("./png.js");
      postMessage({ png: encodePng(data.picture) });
    }
  } catch (error) {
    const words = error.forReader ? error.message : `Something went wrong: ${error.message ?? error}`;
    postMessage({ error: words });
  }
};
