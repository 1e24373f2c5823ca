// Curves over a log axis of steps, and the layers' gradients, as SVG: sharp at any size, coloured by the style sheet.

const WIDTH = 400;
const HEIGHT = 220;
const LEFT = 46;
const RIGHT = 18;
const TOP = 10;
const BOTTOM = 30;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const asMarkup = (words) => words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
/** 10ᵏ as a tick says it. */
const tick = (k) =>
  k >= -2 && k <= 3
    ? String(Number((10 ** k).toPrecision(1)))
    : `10${k < 0 ? "⁻" : ""}${String(Math.abs(k)).replace(/\d/g, (digit) => SUPERSCRIPTS[digit])}`;

/**
 * @typedef {Object} Axis
 * @property {number} low
 * @property {number} high
 * @property {boolean} log
 */

const along = ({ low, high, log }, value) =>
  log ? Math.log10(value / low) / Math.log10(high / low) : (value - low) / (high - low);
const across = (axis, value) => LEFT + clamp(along(axis, value), 0, 1) * (WIDTH - LEFT - RIGHT);
const up = (axis, value) => HEIGHT - BOTTOM - clamp(along(axis, value), 0, 1) * (HEIGHT - TOP - BOTTOM);
const at = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;

/** The values where an axis has ticks, and the words there. */
function ticks({ low, high, log }, most) {
  if (log) {
    const first = Math.ceil(Math.log10(low) - 1e-9);
    const last = Math.floor(Math.log10(high) + 1e-9);
    const every = Math.max(1, Math.ceil((last - first) / most));
    const found = [];
    for (let k = first; k <= last; k += every) found.push([10 ** k, tick(k)]);
    return found;
  }
  const step = [0.1, 0.2, 0.5, 1, 2, 5].find((size) => (high - low) / size <= most) ?? 10;
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++)
    found.push([k * step, (k * step).toFixed(step < 1 ? 1 : 0)]);
  return found;
}

function frame(x, y, label) {
  const parts = [];
  for (const [value, words] of ticks(x, 5)) {
    parts.push(
      `<path class="grid" d="M${at(across(x, value), TOP)}V${HEIGHT - BOTTOM}"/>` +
        `<text x="${across(x, value)}" y="${HEIGHT - 12}" text-anchor="middle">${words}</text>`,
    );
  }
  for (const [value, words] of ticks(y, 5)) {
    parts.push(
      `<path class="grid" d="M${at(LEFT, up(y, value))}H${WIDTH - RIGHT}"/>` +
        `<text x="${LEFT - 6}" y="${up(y, value) + 4}" text-anchor="end">${words}</text>`,
    );
  }
  parts.push(`<text class="axis" x="${WIDTH - RIGHT}" y="${HEIGHT - 1}" text-anchor="end">${label}</text>`);
  return parts.join("");
}

function line(points, x, y, look) {
  const path = points
    .filter(([, value]) => Number.isFinite(value) && (!y.log || value > 0))
    .map(([step, value], k) => `${k ? "L" : "M"}${at(across(x, step), up(y, value))}`)
    .join("");
  return path ? `<path class="${look}" d="${path}"/>` : "";
}

/**
 * @typedef {Object} Curve
 * @property {[number, number][]} points
 * @property {string} look  classes for the style sheet
 * @property {number} [ended]  the step at which the loss was no number
 */

/**
 * Draw curves over steps.
 * @param {SVGElement} svg
 * @param {Curve[]} curves  the first lies on top
 * @param {Axis} y
 * @param {number} last  the last step to show
 * @param {{value: number, label: string}} [floor]  a level to compare with
 */
export function drawCurves(svg, curves, y, last, floor) {
  const x = { low: 1, high: 10 ** Math.ceil(Math.log10(Math.max(100, last))), log: true };
  const parts = [frame(x, y, "steps")];
  if (floor) {
    parts.push(
      `<path class="floor" d="M${at(LEFT, up(y, floor.value))}H${WIDTH - RIGHT}"/>` +
        `<text class="floor-name" x="${WIDTH - RIGHT - 4}" y="${up(y, floor.value) + 14}" text-anchor="end">${asMarkup(floor.label)}</text>`,
    );
  }
  for (const { points, look, ended } of [...curves].reverse()) {
    parts.push(line(points, x, y, look));
    if (ended) {
      const end = across(x, ended);
      const level = y.log ? TOP + 8 : HEIGHT - BOTTOM - 8;
      parts.push(`<path class="${look} cross" d="M${at(end - 5, level - 5)}l10 10m0 -10l-10 10"/>`);
    }
  }
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.innerHTML = parts.join("");
}

/** An axis of whole decades around these values. @returns {Axis} */
export function decades(values, widest = 8) {
  const some = values.filter((value) => Number.isFinite(value) && value > 0).map(Math.log10);
  if (!some.length) return { low: 0.1, high: 10, log: true };
  const low = Math.floor(some.reduce((a, b) => Math.min(a, b)) - 0.05);
  const high = Math.ceil(some.reduce((a, b) => Math.max(a, b)) + 0.05);
  return { low: 10 ** low, high: 10 ** Math.min(high, low + widest), log: true };
}

/**
 * Draw each layer's gradients: from the typical one to the largest, and the bound of the clip.
 * @param {SVGElement} svg
 * @param {import("./run.js").Moment} moment
 */
export function drawLayers(svg, { largest, typical: squared, share, bound }) {
  const count = largest.length;
  // The mean of the squares is infinite long before the gradients are.
  const typical = squared.map((value, k) => Math.min(value, largest[k]));
  const values = [...largest, ...typical, bound].filter((value) => Number.isFinite(value) && value > 0).map(Math.log10);
  const top = values.length ? Math.ceil(Math.max(...values) + 0.3) : 1;
  const y = {
    low: 10 ** Math.max(top - 12, Math.min(top - 4, Math.floor(Math.min(...values, top - 4)))),
    high: 10 ** top,
    log: true,
  };
  const x = { low: 0.4, high: count + 0.6, log: false };
  const parts = [];
  for (const [value, words] of ticks(y, 5)) {
    parts.push(
      `<path class="grid" d="M${at(LEFT, up(y, value))}H${WIDTH - RIGHT}"/>` +
        `<text x="${LEFT - 6}" y="${up(y, value) + 4}" text-anchor="end">${words}</text>`,
    );
  }
  for (let k = 0; k < count; k++) {
    const place = across(x, k + 1);
    const high = up(y, Math.max(largest[k], y.low));
    const low = up(y, Math.max(typical[k], y.low));
    parts.push(
      `<path class="span${share[k] > 0 ? " over" : ""}" d="M${at(place, low)}V${high.toFixed(1)}"/>` +
        `<circle class="typical" cx="${place}" cy="${low}" r="4"/><path class="largest" d="M${at(place - 7, high)}h14"/>` +
        `<text x="${place}" y="${HEIGHT - 14}" text-anchor="middle">${k + 1}</text>`,
    );
    if (share[k] > 0)
      parts.push(`<text class="share" x="${place}" y="${high - 5}" text-anchor="middle">${percent(share[k])}</text>`);
  }
  if (Number.isFinite(bound)) {
    parts.push(
      `<path class="bound" d="M${at(LEFT, up(y, bound))}H${WIDTH - RIGHT}"/>` +
        `<text class="bound-name" x="${LEFT + 4}" y="${up(y, bound) - 4}">θ/γ</text>`,
    );
  }
  parts.push(`<text class="axis" x="${WIDTH - RIGHT}" y="${HEIGHT - 1}" text-anchor="end">layer</text>`);
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.innerHTML = parts.join("");
}

/** A share in [0, 1] in words. */
export const percent = (share) => (share > 0 && share < 0.01 ? "<1%" : `${Math.round(share * 100)}%`);
