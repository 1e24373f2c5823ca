// Settings to begin with, and what each of them shows. Every sentence was measured over three seeds, by
// `python -m data_scripts.playground`; the record is tests/site/playground_presets.json.

/**
 * @typedef {Object} Preset
 * @property {string} key
 * @property {string} label
 * @property {string} sentence  what it does
 * @property {Record<string, any>} changes  to the usual settings
 */

/** @type {Preset[]} */
export const PRESETS = [
  {
    key: "clipped",
    label: "Clipped",
    changes: {},
    sentence:
      "The paper's way, in small: γ = 0.1, each gradient held to ±θ/γ. Above bicubic by step 100, half a decibel above by step 300.",
  },
  {
    key: "explodes",
    label: "Explodes",
    changes: { clip: "none" },
    sentence: "The same without the clip. Within ten steps the loss is no number any more.",
  },
  {
    key: "small-rate",
    label: "Small γ instead",
    changes: { clip: "none", rate: 1e-4 },
    sentence:
      "Without the clip, but with a γ a thousand times smaller: it lives, and at step 300 it is where bicubic is.",
  },
  {
    key: "plain",
    label: "Plain crawls",
    changes: { kind: "plain" },
    sentence:
      "Without the skip connection the network has to carry the whole picture. At step 200 it is at least 1 dB below bicubic.",
  },
  {
    key: "deep",
    label: "Too deep without care",
    changes: { depth: 12, init: "small" },
    sentence:
      "Twelve layers that start at σ = 0.001: hardly a gradient reaches the first. At step 200 the output is still the input.",
  },
  {
    key: "scale",
    label: "One scale meets another",
    changes: { scales: "4", test: 2 },
    sentence:
      "Trained on ×4, tested on ×2: it sharpens what is not that blurred, and falls a decibel below bicubic by step 300.",
  },
  {
    key: "theta-small",
    label: "θ too small",
    changes: { theta: 1e-5 },
    sentence:
      "A step may move a weight by 10⁻⁵ and no more. The loss still falls at step 200, with the network below bicubic.",
  },
  {
    key: "theta-large",
    label: "θ too large",
    changes: { theta: 0.01 },
    sentence:
      "The first steps throw all units to where ReLU passes nothing on. What is left adds one and the same number to every pixel.",
  },
];
