// What happened in a run, in a sentence: for those who cannot see the curves, and for those who can.

import { power } from "./settings.js";

/** Less than this, half a step of 255, and no picture looks another. */
export const UNSEEN = 0.002;

/** +0.86, −2.10 */
export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** "30.85 dB, +0.86 over bicubic". */
export function score(psnr, floor) {
  return Number.isFinite(psnr)
    ? `${psnr.toFixed(2)} dB, ${signed(psnr - floor)} against bicubic`
    : "no picture any more";
}

/** Why a run has ended. @param {import("./run.js").Moment} last  the last step whose loss was a number */
export function ending(step, last, settings) {
  if (!last) return `Step ${step}: the loss is not a number.`;
  const moved = power(last.rate * Math.max(...last.largest));
  const cause =
    settings.clip === "none"
      ? "no clip held it"
      : settings.clip === "norm"
        ? `the clip holds the norm to ${power(settings.norm)}, which was not enough`
        : "the clip was not enough";
  return (
    `Step ${step}: the loss is not a number any more. At step ${last.step} the gradients had grown until one step ` +
    `moved a weight by ${moved}, and ${cause}. You see the network as it was before that step.`
  );
}

/** Where a run stands. @param {import("./run.js").Look} look */
export function standing(look, floor, settings) {
  if (look.step === 0) return `Ready: bicubic has ${floor.toFixed(2)} dB, the network has learned nothing yet.`;
  const gain = look.psnr - floor;
  let words = `Step ${look.step}: ${score(look.psnr, floor)}.`;
  if (look.added < UNSEEN) words += " The network adds nothing: its output is its input.";
  else if (look.spread < 1e-3)
    words += " The network adds one and the same number to every pixel: no unit passes anything on.";
  else if (gain > 0.5) words += " It sees more than bicubic interpolation does.";
  else if (gain < -1 && settings.kind === "plain") words += " It is still learning to hand the picture on.";
  return words;
}

/** Which of the two devices goes on, and why. Times in milliseconds, not a number where there is none. */
export function timed({ card, processor, equal, faster }) {
  if (!Number.isFinite(card)) return "The graphics card cannot be used here. The processor computes.";
  if (!equal) return "The graphics card computes something else here. The processor computes.";
  const words = (time) => `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
  return `A step takes ${words(card)} on the graphics card and ${words(processor)} on the processor. The ${faster ? "card" : "processor"} computes.`;
}
