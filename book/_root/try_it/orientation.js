// The EXIF orientation of a file, read here: one browser turns a WebP or a PNG by it, another does not.

const ORIENTATION = 0x0112;
const SHORT = 3;
const text = (view, at, length) => String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));

/** Where the EXIF data of a JPEG, PNG or WebP file lie: `{at, end, chunk}`, a PNG's chunk beginning at `chunk`; or null. */
function findExif(view) {
  const size = view.byteLength;
  if (size > 12 && view.getUint16(0) === 0xffd8) {
    // Segments of a JPEG, up to the pixels.
    for (let at = 2; at + 4 <= size && view.getUint8(at) === 0xff && view.getUint8(at + 1) !== 0xda; ) {
      const end = at + 2 + view.getUint16(at + 2);
      if (view.getUint8(at + 1) === 0xe1 && end <= size && text(view, at + 4, 6) === "Exif\0\0")
        return { at: at + 10, end };
      at = end;
    }
  } else if (size > 12 && text(view, 1, 3) === "PNG") {
    for (let at = 8; at + 12 <= size; ) {
      const end = at + 8 + view.getUint32(at);
      if (text(view, at + 4, 4) === "eXIf" && end + 4 <= size) return { at: at + 8, end, chunk: at };
      at = end + 4;
    }
  } else if (size > 12 && text(view, 0, 4) === "RIFF" && text(view, 8, 4) === "WEBP") {
    for (let at = 12; at + 8 <= size; ) {
      const end = at + 8 + view.getUint32(at + 4, true);
      if (text(view, at, 4) === "EXIF" && end <= size) {
        const head = text(view, at + 8, Math.min(6, end - at - 8)) === "Exif\0\0" ? 6 : 0; // as in a JPEG; some write it
        return { at: at + 8 + head, end };
      }
      at = end + (end % 2);
    }
  }
  return null;
}

function without(bytes, from, to) {
  const rest = new Uint8Array(bytes.length - (to - from));
  rest.set(bytes.subarray(0, from));
  rest.set(bytes.subarray(to), from);
  return rest;
}

/**
 * The orientation that a file names, 1 to 8, and the file without it: whoever decodes it turns nothing.
 * A file without the tag, or with a damaged one, comes back as it is, with 1.
 */
export function takeOrientation(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const none = { orientation: 1, bytes };
  const exif = findExif(view);
  if (!exif || exif.end - exif.at < 14) return none;
  const little = view.getUint16(exif.at) === 0x4949;
  const first = exif.at + view.getUint32(exif.at + 4, little);
  if (first + 2 > exif.end) return none;
  const count = view.getUint16(first, little);
  for (let entry = first + 2; entry + 12 <= Math.min(first + 2 + 12 * count, exif.end); entry += 12) {
    if (view.getUint16(entry, little) !== ORIENTATION) continue;
    const short = view.getUint16(entry + 2, little) === SHORT;
    const orientation = short ? view.getUint16(entry + 8, little) : view.getUint32(entry + 8, little);
    if (!(orientation >= 2 && orientation <= 8)) return none;
    // A PNG's chunk ends with a checksum, so it is left out whole; elsewhere the tag is set to 1.
    if (exif.chunk) return { orientation, bytes: without(bytes, exif.chunk, exif.end + 4) };
    if (short) view.setUint16(entry + 8, 1, little);
    else view.setUint32(entry + 8, 1, little);
    return { orientation, bytes };
  }
  return none;
}

/** A decoded picture turned upright: a canvas' 2D context, its pixels those of `bitmap`, none of them mixed. */
export function upright(bitmap, orientation) {
  const { width: w, height: h } = bitmap;
  const size = orientation >= 5 ? [h, w] : [w, h];
  const context = new OffscreenCanvas(...size).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  // biome-ignore format: the eight symmetries, as one looks at them
  context.setTransform(...[
    [1, 0, 0, 1, 0, 0], [-1, 0, 0, 1, w, 0], [-1, 0, 0, -1, w, h], [1, 0, 0, -1, 0, h],
    [0, 1, 1, 0, 0, 0], [0, 1, -1, 0, h, 0], [0, -1, -1, 0, h, w], [0, -1, 1, 0, 0, w],
  ][orientation - 1]);
  context.drawImage(bitmap, 0, 0);
  return context;
}
