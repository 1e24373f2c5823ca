// One question for each chapter that links here: predict, then see. The answer is read off the run itself.

import { UNSEEN } from "./story.js";

/**
 * @typedef {Object} Question
 * @property {string} text
 * @property {string[]} options
 * @property {number} until  the step at which the run has answered
 * @property {(record: import("./record.js").Record) => number} answer  the option that came true
 */

const gain = (record) => record.look.psnr - record.floor;

/** By the address's `ask`. @type {Record<string, Question>} */
export const QUESTIONS = {
  deep: {
    text: "Twelve layers, the weights drawn with σ = 0.001 as SRCNN's were. What does the network add to the picture after 200 steps?",
    options: ["Nothing that could be seen", "Sharper edges", "A blurred picture on top"],
    until: 200,
    answer: (record) => (record.look.added < UNSEEN ? 0 : gain(record) > 0.1 ? 1 : 2),
  },
  residual: {
    text: "The skip connection is gone; all else is as before. Where does the network stand after 200 steps?",
    options: ["Above bicubic", "Within 1 dB of bicubic", "More than 1 dB below bicubic"],
    until: 200,
    answer: (record) => (gain(record) > 0 ? 0 : gain(record) > -1 ? 1 : 2),
  },
  clip: {
    text: "γ = 0.1, and no clip. For how many steps is the loss a number?",
    options: ["For ten at most", "For 100 at most", "For 200 and longer"],
    until: 200,
    answer: (record) => (!record.ended ? 2 : record.ended <= 10 ? 0 : 1),
  },
  scales: {
    text: "The network sees ×4 alone in training, and is tested on ×2, which is easier. Where does it stand after 300 steps?",
    options: ["Above bicubic", "Where bicubic is, within 0.2 dB", "Below bicubic"],
    until: 300,
    answer: (record) => (gain(record) > 0.2 ? 0 : gain(record) > -0.2 ? 1 : 2),
  },
};
