// What can be set: a run is a function of these, so an address that holds them gives the same run again.

/**
 * @typedef {Object} Field
 * @property {string} key  its name in the address
 * @property {string} label  its name on the page
 * @property {(string|number)[]} values  all that it may be, in order
 * @property {string|number} usual  what it is unless the address says otherwise
 * @property {"choice"|"range"} shown  as buttons, or as a slider
 * @property {(value: any) => string} words  a value as the page writes it
 * @property {string} [hint]  one line below the control
 *
 * @typedef {Record<string, any>} Settings  a value for each field
 */

/** Ten values a decade, rounded to two digits: 1, 1.3, 1.6, 2, … */
function decades(from, to) {
  return Array.from({ length: (to - from) * 10 + 1 }, (_, k) => Number((10 ** (from + k / 10)).toPrecision(2)));
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A number as it is written by hand: 0.1, 0.013, 2.5·10⁻⁴. */
export function power(value) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "not a number";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 0.001 && size < 10_000) return String(Number(value.toPrecision(2)));
  const [digits, exponent] = value.toExponential(1).split("e");
  const raised = exponent
    .replace("+", "")
    .replace("-", "⁻")
    .replace(/\d/g, (digit) => SUPERSCRIPTS[digit]);
  const factor = Number(digits);
  return factor === 1 ? `10${raised}` : `${factor}·10${raised}`;
}

const range = (from, to, step = 1) => Array.from({ length: (to - from) / step + 1 }, (_, k) => from + k * step);
const plain = (value) => String(value);
const named = (names) => (value) => names[value];

/** @type {Field[]} */
export const FIELDS = [
  {
    key: "kind",
    label: "Skip connection",
    values: ["residual", "plain"],
    usual: "residual",
    shown: "choice",
    words: named({ residual: "with", plain: "without" }),
  },
  { key: "depth", label: "Depth", values: range(3, 12), usual: 6, shown: "range", words: (v) => `${v} layers` },
  { key: "width", label: "Width", values: range(4, 16, 2), usual: 16, shown: "range", words: (v) => `${v} channels` },
  {
    key: "init",
    label: "Initial weights",
    values: ["he", "small"],
    usual: "he",
    shown: "choice",
    words: named({ he: "He", small: "small" }),
    hint: "He: σ = √(2 / fan-in). Small: σ = 0.001.",
  },
  {
    key: "clip",
    label: "Clip",
    values: ["value", "norm", "none"],
    usual: "value",
    shown: "choice",
    words: named({ value: "by value", norm: "by norm", none: "none" }),
  },
  { key: "rate", label: "Learning rate γ", values: decades(-5, 0), usual: 0.1, shown: "range", words: power },
  { key: "theta", label: "θ of the clip by value", values: decades(-7, -1), usual: 2e-4, shown: "range", words: power },
  { key: "norm", label: "Largest norm", values: decades(-3, 3), usual: 1, shown: "range", words: power },
  {
    key: "momentum",
    label: "Momentum",
    values: [0, 0.5, 0.8, 0.9, 0.95, 0.99],
    usual: 0.9,
    shown: "range",
    words: plain,
  },
  {
    key: "drop",
    label: "γ falls to a tenth",
    values: [0, 100, 200, 300, 500, 1000],
    usual: 0,
    shown: "range",
    words: (v) => (v ? `every ${v} steps` : "never"),
  },
  {
    key: "scales",
    label: "Trained on",
    values: ["2", "3", "4", "234"],
    usual: "2",
    shown: "choice",
    words: (v) => (v === "234" ? "×2, ×3, ×4" : `×${v}`),
  },
  { key: "test", label: "Tested on", values: [2, 3, 4], usual: 2, shown: "choice", words: (v) => `×${v}` },
  {
    key: "patch",
    label: "Patch",
    values: range(15, 41, 2),
    usual: 21,
    shown: "range",
    words: (v) => `${v} × ${v} pixels`,
  },
  { key: "batch", label: "Batch", values: [4, 8, 16], usual: 8, shown: "choice", words: plain },
  {
    key: "seed",
    label: "Seed",
    values: range(1, 99),
    usual: 1,
    shown: "range",
    words: plain,
    hint: "Of the initial weights and of the order of the patches.",
  },
];

/** @type {Settings} */
export const USUAL = Object.fromEntries(FIELDS.map(({ key, usual }) => [key, usual]));

/** Does this field do anything, with the others as they are? */
export function matters(key, settings) {
  if (key === "theta") return settings.clip === "value";
  if (key === "norm") return settings.clip === "norm";
  return true;
}

/**
 * Read an address's query.
 * @param {URLSearchParams} query
 * @returns {{settings: Settings, faults: string[]}}  what could not be taken is as usual, and said
 */
export function parse(query) {
  const settings = { ...USUAL };
  const faults = [];
  for (const { key, values, label } of FIELDS) {
    const given = query.get(key);
    if (given === null) continue;
    const value = typeof values[0] === "number" ? nearest(values, given) : values.find((v) => v === given);
    if (value === undefined) {
      const wanted = typeof values[0] === "number" ? `${values[0]} to ${values.at(-1)}` : values.join(", ");
      faults.push(`${label}: the address has “${given.slice(0, 30)}”, wanted ${wanted}; taken is ${settings[key]}.`);
    } else settings[key] = value;
  }
  return { settings, faults };
}

/** The value next to what was given, or undefined when that is no number or out of range. */
function nearest(values, given) {
  const number = given.trim() === "" ? NaN : Number(given);
  if (!(number >= values[0] && number <= values.at(-1))) return undefined;
  return values.reduce((best, value) => (Math.abs(value - number) < Math.abs(best - number) ? value : best));
}

/** The query for these settings: what is not as usual, in the fields' order. */
export function format(settings) {
  const query = new URLSearchParams();
  for (const { key, usual } of FIELDS) if (settings[key] !== usual) query.set(key, String(settings[key]));
  return query;
}

/** How settings differ from others, in words: "θ of the clip by value 10⁻³, depth 10 layers". */
export function differences(settings, others) {
  return FIELDS.filter(({ key }) => settings[key] !== others[key] && (matters(key, settings) || matters(key, others)))
    .map(({ label, key, words }) => `${label}: ${words(settings[key])}`)
    .join(", ");
}

/** γ at a step, from 0, and the bounds of the clip that go with it; what is off is infinite. */
export function schedule({ rate, drop, clip, theta, norm }, step) {
  const now = drop ? rate / 10 ** Math.floor(step / drop) : rate;
  return { rate: now, bound: clip === "value" ? theta / now : Infinity, maxNorm: clip === "norm" ? norm : Infinity };
}
