// The page's three exercises: each checks an address by training what it describes.

import { countWeights } from "./engine.js";
import { FIELDS, parse, power, USUAL } from "./settings.js";

/**
 * @typedef {Object} Outcome
 * @property {number} ended  the step whose loss was no number; 0 when all were
 * @property {number} psnr
 * @property {number} floor
 * @typedef {(settings: import("./settings.js").Settings, steps: number) => Promise<Outcome>} Trial
 * @typedef {{passed: boolean, words: string}} Verdict
 */

const no = (words) => ({ passed: false, words });
const yes = (words) => ({ passed: true, words });

/** The first of these fields that is not as usual, in words. */
function altered(settings, keys) {
  const field = FIELDS.find(({ key }) => keys.includes(key) && settings[key] !== USUAL[key]);
  return (
    field &&
    `${field.label} must stay “${field.words(USUAL[field.key])}”; the address has “${field.words(settings[field.key])}”.`
  );
}

const OF_NETWORK = ["kind", "depth", "width", "init"];
const OF_PICTURES = ["scales", "test", "patch", "batch"];
const dB = (outcome) =>
  `${Math.abs(outcome.psnr - outcome.floor).toFixed(2)} dB ${outcome.psnr < outcome.floor ? "below" : "above"} bicubic`;

/** @type {Record<string, (settings: import("./settings.js").Settings, trial: Trial) => Promise<Verdict>>} */
export const EXERCISES = {
  /** The largest γ at which an unclipped run lives through 200 steps. */
  async largest(settings, trial) {
    const fault = altered(settings, [...OF_NETWORK, ...OF_PICTURES, "momentum", "drop"]);
    if (fault) return no(fault);
    if (settings.clip !== "none") return no("The clip is still on.");
    const rates = FIELDS.find(({ key }) => key === "rate").values;
    const own = await trial(settings, 200);
    if (own.ended) return no(`At γ = ${power(settings.rate)} the loss is no number at step ${own.ended}.`);
    const next = rates[rates.indexOf(settings.rate) + 1];
    const larger = next === undefined ? null : await trial({ ...settings, rate: next }, 200);
    if (!larger?.ended) return no(`At γ = ${power(settings.rate)} it lives, but at ${power(next)} too.`);
    const clipped = await trial({ ...settings, clip: "value", rate: USUAL.rate }, 200);
    return yes(
      `Right: γ = ${power(settings.rate)} lives and stands ${dB(own)} at step 200; γ = ${power(next)} ends at step ` +
        `${larger.ended}. With the clip γ is ${Math.round(USUAL.rate / settings.rate)} times larger, and the run stands ${dB(clipped)}.`,
    );
  },

  /** The clip by norm in the place of the clip by value, with the paper's γ. */
  async norm(settings, trial) {
    const fault = altered(settings, [...OF_NETWORK, ...OF_PICTURES, "momentum", "rate", "drop"]);
    if (fault) return no(fault);
    if (settings.clip !== "norm") return no("The clip must be the one by norm.");
    const own = await trial(settings, 300);
    if (own.ended) return no(`With norms up to ${power(settings.norm)} the loss is no number at step ${own.ended}.`);
    if (own.psnr - own.floor < 0.3)
      return no(
        `With norms up to ${power(settings.norm)} the run stands ${dB(own)} at step 300; wanted are 0.3 dB above.`,
      );
    return yes(`Right: with norms up to ${power(settings.norm)} the run stands ${dB(own)} at step 300.`);
  },

  /** A network for three scales with few weights. */
  async small(settings, trial) {
    const weights = countWeights(settings.depth, settings.width);
    if (weights > 2000) return no(`The network has ${weights} weights; wanted are at most 2000.`);
    if (settings.scales !== "234") return no("It must be trained on ×2, ×3 and ×4 together.");
    const words = [];
    for (const test of [2, 3, 4]) {
      const own = await trial({ ...settings, test }, 600);
      if (own.ended) return no(`The loss is no number at step ${own.ended}.`);
      if (!(own.psnr > own.floor)) return no(`On ×${test} it stands ${dB(own)} at step 600.`);
      words.push(`${(own.psnr - own.floor).toFixed(2)} dB on ×${test}`);
    }
    return yes(`Right: ${weights} weights, and above bicubic by ${words.join(", ")}.`);
  },
};

/** The settings of an address that somebody pasted. @returns {import("./settings.js").Settings} */
export function fromAddress(address, base) {
  let url;
  try {
    url = new URL(address.trim(), base);
  } catch {
    throw new Error("This is no address.");
  }
  if (!/playground(\.html)?$/.test(url.pathname)) throw new Error("This is no address of the playground.");
  const { settings, faults } = parse(url.searchParams);
  if (faults.length) throw new Error(faults[0]);
  return settings;
}
