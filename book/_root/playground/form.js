// The controls, made from the list of settings.

import { FIELDS, matters } from "./settings.js";

const GROUPS = {
  quick: ["kind", "clip", "rate"],
  network: ["depth", "width", "init"],
  training: ["theta", "norm", "momentum", "drop", "batch", "seed"],
  pictures: ["scales", "test", "patch"],
};

/**
 * Fill the page's field sets, `data-group` each.
 * @param {HTMLElement} root
 * @param {(changes: Record<string, any>) => void} changed  called when the reader has chosen
 * @returns {(settings: import("./settings.js").Settings) => void}  shows other settings
 */
export function makeForm(root, changed) {
  const shows = [];
  for (const [group, keys] of Object.entries(GROUPS)) {
    const box = root.querySelector(`[data-group=${group}]`);
    for (const key of keys) {
      const field = FIELDS.find((one) => one.key === key);
      const { element, show } = (field.shown === "choice" ? choice : slider)(field, (value) =>
        changed({ [key]: value }),
      );
      if (field.hint) element.append(Object.assign(document.createElement("small"), { textContent: field.hint }));
      element.dataset.field = key;
      box.append(element);
      shows.push((settings) => {
        show(settings[key]);
        element.hidden = !matters(key, settings);
      });
    }
  }
  return (settings) => shows.forEach((show) => show(settings));
}

function choice({ key, label, values, words }, chosen) {
  const element = document.createElement("fieldset");
  element.className = "choice";
  element.append(Object.assign(document.createElement("legend"), { textContent: label }));
  const row = document.createElement("div");
  const inputs = values.map((value) => {
    const option = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: `playground-${key}`, value: String(value) });
    input.onchange = () => chosen(value);
    option.append(input, Object.assign(document.createElement("span"), { textContent: words(value) }));
    row.append(option);
    return input;
  });
  element.append(row);
  return {
    element,
    show: (now) =>
      inputs.forEach((input, k) => {
        input.checked = values[k] === now;
      }),
  };
}

function slider({ key, label, values, words }, chosen) {
  const element = document.createElement("div");
  element.className = "slider";
  element.innerHTML =
    `<label for="playground-${key}"></label><output for="playground-${key}"></output>` +
    `<input type="range" id="playground-${key}" min="0" max="${values.length - 1}" step="1">`;
  const [name, output, input] = ["label", "output", "input"].map((tag) => element.querySelector(tag));
  name.textContent = label;
  const say = () => {
    output.textContent = words(values[input.value]);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.oninput = say;
  input.onchange = () => chosen(values[input.value]);
  return {
    element,
    show: (now) => {
      input.value = String(values.indexOf(now));
      say();
    },
  };
}
