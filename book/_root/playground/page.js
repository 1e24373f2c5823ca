// The page "Playground": choosing, starting, showing. All that trains is in worker.js.

import { decades, drawCurves, drawLayers, percent } from "./chart.js";
import { EXERCISES, fromAddress } from "./exercises.js";
import { makeForm } from "./form.js";
import { AMPLIFIED, asGrey, drawKernels, drawWiped, fit } from "./pictures.js";
import { PRESETS } from "./presets.js";
import { QUESTIONS } from "./questions.js";
import { Record } from "./record.js";
import { differences, format, parse, power, USUAL } from "./settings.js";
import { ending, score, signed, standing, timed } from "./story.js";

const root = document.getElementById("playground-app");
const find = (name) => root.querySelector(`[data-part=${name}]`);
const GHOSTS = 4;
/** A run pauses here by itself, and at each multiple, so that a forgotten page does not compute all day. */
const REST = 2000;
/** Where nothing is to move, pictures change this seldom, in milliseconds. */
const CALM = 1000;
/** The axis goes no higher for a run that explodes, or the others would be flat. */
const HIGHEST_LOSS = 1e4;

let settings = { ...USUAL };
let worker = null;
let id = 0;
let record = new Record(settings);
let about = null; // what the worker said of the run: its held-out picture, its sizes
let ghosts = []; // records of earlier runs, the latest first
let running = false;
let hidden = false;
let own = false;
let card = false;
let resting = REST;
let speed = NaN;
let question = null;
let guess = null;
let wipe = 0.5;
let other = "bicubic";

// --- the worker ---------------------------------------------------------------------------------------

function newWorker(heard) {
  const made = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  made.onmessage = ({ data }) => heard(data);
  made.onerror = (event) => {
    event.preventDefault();
    heard({ error: `The part of this page that computes did not start. ${event.message ?? ""}` });
  };
  return made;
}

function hear(message) {
  if (message.error) return fail(message.error);
  if (message.picture) return took(message.picture);
  if (message.card) find("devices").hidden = false;
  if (message.id !== id) return; // of a run that is over
  if (message.timed) find("device-words").textContent = timed(message.timed);
  if (message.opened) {
    about = message.opened;
    record.floor = about.floor;
    find("sizes").textContent = `${about.weights.toLocaleString("en")} weights, ${about.patches} patches.`;
  }
  if (message.progress) progress(message.progress);
}

function progress(news) {
  record.add(news);
  if (news.losses.length > 1) speed = (1000 * news.losses.length) / news.took;
  if (news.ended) {
    running = false;
    say(ending(record.step, record.moment, settings));
  } else if (!running || news.step === 0) {
    say(standing(record.look, record.floor, settings));
  } else if (news.look && [10, 100, 300, 1000].includes(news.step)) {
    say(standing(news.look, record.floor, settings));
  }
  if (running && record.step >= resting) {
    resting += REST;
    pause();
  }
  if (question && (news.ended || record.step >= question.until)) answer();
  draw();
}

// --- messages -----------------------------------------------------------------------------------------

function say(words) {
  if (find("status").textContent !== words) find("status").textContent = words;
}

function complain(words) {
  find("problem").textContent = words;
  find("problem").hidden = !words;
}

function fail(words) {
  running = false;
  complain(words);
  draw();
}

// --- a run --------------------------------------------------------------------------------------------

/** Begin anew with these settings; the run before stays as a ghost. */
function begin(wanted, go) {
  if (record.step > 0) ghosts = [record, ...ghosts];
  settings = wanted;
  const name = String(format(settings));
  ghosts = ghosts
    .filter((ghost, k) =>
      String(format(ghost.settings)) !== name || ghost.own !== own
        ? ghosts.findIndex((one) => String(format(one.settings)) === String(format(ghost.settings))) === k
        : false,
    )
    .slice(0, GHOSTS);
  record = new Record(settings);
  record.own = own;
  about = null;
  id++;
  running = go;
  resting = REST;
  speed = NaN;
  complain("");
  find("device-words").textContent = card ? "Timing both …" : "";
  worker.postMessage({ task: "open", id, settings, own, card });
  if (go) worker.postMessage({ task: "go" });
  showSettings(settings);
  const preset = PRESETS.find(({ changes }) => String(format({ ...USUAL, ...changes, seed: settings.seed })) === name);
  for (const button of find("presets").children)
    button.setAttribute("aria-pressed", String(button.dataset.preset === preset?.key));
  find("sentence").textContent = preset ? preset.sentence : "Your own settings.";
  const query = new URLSearchParams(name);
  if (question) query.set("ask", question.key);
  history.replaceState(null, "", `${location.pathname}${String(query) && `?${query}`}${location.hash}`);
  draw();
}

function go() {
  if (running || record.ended || find("problem").textContent) return begin(settings, true);
  running = true;
  worker.postMessage({ task: "go" });
  draw();
}

function pause() {
  running = false;
  worker.postMessage({ task: "pause" });
  draw();
}

function step() {
  if (record.ended) return;
  running = false;
  worker.postMessage({ task: "step" });
}

/** Out of sight, a run waits. */
function seen(visible) {
  if (!visible && running) {
    hidden = true;
    pause();
  } else if (visible && hidden) {
    hidden = false;
    go();
  }
}

// --- what is seen -------------------------------------------------------------------------------------

const calm = matchMedia("(prefers-reduced-motion: reduce)");
let due = 0;
let drawn = 0;

/** Draw at the next frame; seldom where nothing is to move, but at once when a run has come to rest. */
function draw() {
  root.dataset.step = String(record.step);
  root.dataset.state = record.ended ? "ended" : running ? "running" : about ? "paused" : "opening";
  const wait = calm.matches && running ? Math.max(0, CALM - (performance.now() - drawn)) : 0;
  if (due && wait) return;
  clearTimeout(due);
  due = setTimeout(
    () =>
      requestAnimationFrame(() => {
        due = 0;
        drawn = performance.now();
        drawAll();
      }),
    wait,
  );
}

function drawAll() {
  find("start").textContent = running ? "Pause" : record.ended ? "Start again" : record.step ? "Go on" : "Start";
  find("step").disabled = Boolean(record.ended) || !about;
  drawNumbers();
  drawChart();
  drawPictures();
  drawGhosts();
}

function drawNumbers() {
  const { moment, look } = record;
  const values = {
    step: record.step.toLocaleString("en"),
    psnr:
      look && Number.isFinite(look.psnr) && Number.isFinite(record.floor)
        ? `${look.psnr.toFixed(2)} dB (${signed(look.psnr - record.floor)})`
        : "…",
    loss: record.ended ? "no number" : moment ? power(moment.loss) : "…",
    clipped: !moment
      ? "…"
      : settings.clip === "none"
        ? "no clip"
        : settings.clip === "norm"
          ? moment.norm > moment.maxNorm
            ? "norm cut"
            : "norm kept"
          : percent(moment.share.reduce((sum, share) => sum + share, 0) / moment.share.length),
    speed: Number.isFinite(speed) ? `${Math.round(speed)} steps/s` : "…",
  };
  for (const [name, words] of Object.entries(values)) find(`number-${name}`).textContent = words;
}

function drawChart() {
  const last = Math.max(record.step, ...ghosts.map((ghost) => ghost.step));
  const curves = (key) =>
    [record, ...ghosts].map((one, k) => ({ points: one[key], look: k ? `ghost ghost-${k}` : "now", ended: one.ended }));
  const losses = [record, ...ghosts].flatMap((one) => one.loss.map(([, value]) => value));
  drawCurves(find("loss"), curves("loss"), decades(losses.map((value) => Math.min(value, HIGHEST_LOSS))), last);
  const floor = record.floor;
  if (Number.isFinite(floor)) {
    // Room for the best of each run, not for where it began: that is far below.
    const bests = [record, ...ghosts].map((one) => Math.max(floor - 12, ...one.psnr.map(([, value]) => value || 0)));
    const low = Math.floor(Math.min(floor - 3, Math.min(...bests) - 1));
    const high = Math.max(floor + 1.5, ...bests);
    const y = { low, high: Math.ceil(2 * high) / 2, log: false };
    drawCurves(find("psnr"), curves("psnr"), y, last, { value: floor, label: "bicubic" });
  }
  find("loss-words").textContent = words(record.loss, (value) => power(value));
  find("psnr-words").textContent = words(record.psnr, (value) => `${value.toFixed(2)} dB`);
  if (record.moment) {
    drawLayers(find("layers"), record.moment);
    const { largest, bound, share } = record.moment;
    find("layers-words").textContent =
      `Largest gradient, layer by layer: ${largest.map(power).join(", ")}. ` +
      (Number.isFinite(bound)
        ? `The clip holds them to ${power(bound)}; clipped: ${share.map(percent).join(", ")}.`
        : "No bound by value.");
  } else {
    find("layers").replaceChildren();
    find("layers-words").textContent = "No step has been taken yet.";
  }
}

/** A curve in words: where it began, and where it is. */
function words(points, say) {
  if (!points.length) return "No step has been taken yet.";
  const [first, last] = [points[0], points.at(-1)];
  return `${say(first[1])} at step ${first[0]}, ${say(last[1])} at step ${last[0]}.`;
}

function drawPictures() {
  const { look } = record;
  if (!look || !about) return;
  const { rows, columns, interpolated, highRes } = about.test;
  const { prediction } = look;
  const left = other === "bicubic" ? interpolated : highRes;
  const [picture, residual, kernels] = ["picture", "residual", "kernels"].map(find);
  drawWiped(
    picture,
    rows,
    columns,
    (at) => left[at],
    (at) => prediction[at],
    wipe,
  );
  drawWiped(
    residual,
    rows,
    columns,
    (at) => asGrey(highRes[at] - interpolated[at]),
    (at) => asGrey(prediction[at] - interpolated[at]),
    wipe,
  );
  drawKernels(kernels, look.kernels);
  for (const canvas of [picture, residual, kernels]) fit(canvas, canvas.parentElement.clientWidth);
  for (const line of root.querySelectorAll(".line")) line.style.left = `${parseFloat(picture.style.width) * wipe}px`;
  const state = score(look.psnr, record.floor);
  picture.setAttribute(
    "aria-label",
    `The held-out picture: left of the line ${other === "bicubic" ? "by bicubic interpolation" : "the original"}, right of it by the network, ${state}`,
  );
  residual.setAttribute(
    "aria-label",
    `The residual, times ${AMPLIFIED}: left of the line what is to be found, right of it what the network adds, up to ${power(look.added)}`,
  );
  kernels.setAttribute("aria-label", `The ${look.kernels.length} kernels of the first layer, 3 by 3 weights each`);
}

function drawGhosts() {
  const list = find("ghosts");
  const entries = [
    ["now", "This run"],
    ...ghosts.map((ghost, k) => [
      `ghost-${k + 1}`,
      differences(ghost.settings, settings) || (ghost.own !== own ? "On other pictures" : "The same"),
    ]),
  ];
  const made = entries.map(([look, label], k) => {
    const item = document.createElement("li");
    item.append(Object.assign(document.createElement("i"), { className: k ? `ghost ${look}` : look }), label);
    return item;
  });
  list.replaceChildren(...made);
  find("clear").hidden = ghosts.length === 0;
}

// --- predict, then see --------------------------------------------------------------------------------

function ask(key) {
  question = { key, ...QUESTIONS[key] };
  root.classList.add("asking"); // the presets' sentences would tell
  find("question").hidden = false;
  find("question-text").textContent = question.text;
  find("options").replaceChildren(
    ...question.options.map((option, k) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: "playground-guess", value: String(k) });
      input.onchange = () => {
        guess = k;
        find("see").disabled = false;
      };
      label.append(input, option);
      return label;
    }),
  );
}

function answer() {
  const came = question.options[question.answer(record)];
  const right = guess !== null && question.options[guess] === came;
  const at = record.ended
    ? `The loss is not a number at step ${record.ended}`
    : `Step ${record.step}: ${score(record.look.psnr, record.floor)}`;
  find("answer").textContent =
    `${at}. ${guess === null ? "It is" : right ? "As you said" : "Not as you said, but"}: ${came[0].toLowerCase()}${came.slice(1)}.`;
  question = null;
  root.classList.remove("asking");
  if (!record.ended) pause();
}

// --- exercises ----------------------------------------------------------------------------------------

/** Let a worker of its own train what an address describes. @returns {{trial: import("./exercises.js").Trial, end: () => void}} */
function trials(heard) {
  let settle = null;
  const made = newWorker((message) => {
    if (message.tried) heard(message.tried);
    if (message.error) settle.reject(new Error(message.error));
    if (message.trial) settle.resolve(message.trial);
  });
  const trial = (wanted, steps) =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject };
      made.postMessage({ task: "trial", settings: wanted, steps });
    });
  return { trial, end: () => made.terminate() };
}

function offerCheck(form) {
  const [input, button, output] = ["input", "[data-check]", "output"].map((part) => form.querySelector(part));
  button.disabled = false;
  form.querySelector("[data-here]").onclick = () => {
    input.value = location.href;
  };
  form.onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    output.className = "";
    const { trial, end } = trials((at) => {
      output.textContent = `Training: step ${at} …`;
    });
    try {
      output.textContent = "Training what the address describes …";
      const { passed, words } = await EXERCISES[form.dataset.exercise](fromAddress(input.value, location.href), trial);
      output.textContent = words;
      output.className = passed ? "passed" : "failed";
    } catch (error) {
      output.textContent = error.message;
      output.className = "failed";
    }
    end();
    button.disabled = false;
  };
}

// --- the page -----------------------------------------------------------------------------------------

function took({ width, height, rows, columns }) {
  own = true;
  find("own").hidden = false;
  find("own-words").textContent =
    `Training on your picture, ${width} × ${height} pixels` +
    (rows * columns < width * height ? `, of which ${columns} × ${rows} are used.` : ".");
  begin(settings, running);
}

function moveWipe(part) {
  wipe = Math.min(1, Math.max(0, part));
  find("wipe").value = String(Math.round(100 * wipe));
  drawPictures();
}

function listen() {
  find("start").onclick = () => (running ? pause() : go());
  find("step").onclick = step;
  find("reset").onclick = () => begin(settings, false);
  find("next-seed").onclick = () => begin({ ...settings, seed: (settings.seed % 99) + 1 }, running);
  find("clear").onclick = () => {
    ghosts = [];
    draw();
  };
  find("wipe").oninput = ({ target }) => moveWipe(target.value / 100);
  for (const input of find("other").querySelectorAll("input"))
    input.onchange = () => {
      other = input.value;
      drawPictures();
    };
  for (const canvas of [find("picture"), find("residual")]) {
    const move = (event) => {
      const box = canvas.getBoundingClientRect();
      moveWipe((event.clientX - box.left) / box.width);
    };
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId);
      move(event);
    };
    canvas.onpointermove = (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) move(event);
    };
  }
  find("file").onchange = ({ target }) => {
    if (!target.files.length) return;
    complain("");
    worker.postMessage({ task: "read", file: target.files[0] });
  };
  find("embedded").onclick = () => {
    own = false;
    find("own").hidden = true;
    find("file").value = "";
    begin(settings, running);
  };
  for (const input of find("devices").querySelectorAll("input")) {
    input.onchange = () => {
      card = input.value === "gpu";
      begin(settings, running);
    };
  }
  find("share").onclick = async () => {
    await navigator.clipboard?.writeText(location.href).catch(() => {});
    say("The address is in the clipboard. It holds every setting.");
  };
  find("see").onclick = () => {
    find("see").disabled = true;
    begin(settings, true);
    reveal();
  };
  document.addEventListener("visibilitychange", () => seen(!document.hidden));
  new IntersectionObserver(([{ isIntersecting }]) => seen(isIntersecting)).observe(root);
  new ResizeObserver(draw).observe(root);
  document.querySelectorAll("form.playground-check").forEach(offerCheck);
}

/** Whoever has started a run from above is to see it: bring the curves into sight where they are not. */
function reveal() {
  const { top, bottom } = find("psnr").getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight) return;
  find("start").parentElement.scrollIntoView({ block: "start", behavior: calm.matches ? "auto" : "smooth" });
}

let showSettings = () => {};

function main() {
  for (const needed of ["OffscreenCanvas", "WebAssembly", "IntersectionObserver"]) {
    if (!(needed in self)) return complain(`This browser is too old for this page: it has no ${needed}.`);
  }
  const query = new URLSearchParams(location.search);
  const { settings: asked, faults } = parse(query);
  showSettings = makeForm(root, (changes) => begin({ ...settings, ...changes }, running));
  find("presets").append(
    ...PRESETS.map(({ key, label, changes }) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
      button.dataset.preset = key;
      button.onclick = () => {
        begin({ ...USUAL, ...changes, seed: settings.seed }, true);
        reveal();
      };
      return button;
    }),
  );
  worker = newWorker(hear);
  if (Object.hasOwn(QUESTIONS, query.get("ask") ?? "")) ask(query.get("ask"));
  listen();
  begin(asked, false);
  complain(faults.join(" "));
  root.dataset.ready = "yes";
}

root.hidden = false;
main();
