// For tests in a browser: what the page's modules compute there. A test adds this script to the page.

const base = new URL("playground/", location);
const load = (name) => import(new URL(name, base));

window.probes = {
  /** Steps from given weights on given batches. */
  async steps({ depth, about, weights, batches, now, device = "cpu" }) {
    const { Trainer } = await load("engine.js");
    const { runtime } = await import(new URL("../try_it/network.js", base));
    const { ort, providers } = await runtime(device, 1);
    const open = async (name) => {
      const answer = await fetch(new URL(`graphs/${name}-${depth}.onnx`, base));
      return ort.InferenceSession.create(new Uint8Array(await answer.arrayBuffer()), {
        executionProviders: providers,
        logSeverityLevel: 3,
      });
    };
    const trainer = new Trainer(ort, await open("step"), await open("network"), about, Float32Array.from(weights));
    const { rate, bound, maxNorm } = now;
    const losses = [];
    for (const { x, y, shape } of batches) {
      const batch = { interpolated: Float32Array.from(x), highRes: Float32Array.from(y), shape };
      losses.push((await trainer.step(batch, { rate, bound: bound ?? Infinity, maxNorm: maxNorm ?? Infinity })).loss);
    }
    return { losses, weights: Array.from(trainer.weights), by: providers[0] };
  },

  /** A whole run of these settings, by the page's own worker. */
  trial: ({ query, steps, marks }) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL("worker.js", base), { type: "module" });
      worker.onmessage = ({ data }) => {
        if (data.error) reject(new Error(data.error));
        if (data.trial) resolve(data.trial);
        if (data.error || data.trial) worker.terminate();
      };
      load("settings.js").then(({ parse }) => {
        worker.postMessage({ task: "trial", settings: parse(new URLSearchParams(query)).settings, steps, marks });
      });
    }),

  /** What the page's worker says of a run that is started, stopped and started again at once: `[step, losses]` each. */
  messages: ({ query, steps }) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL("worker.js", base), { type: "module" });
      const seen = [];
      worker.onmessage = ({ data }) => {
        if (data.error) reject(new Error(data.error));
        if (data.progress) seen.push([data.progress.step, data.progress.losses.length]);
        if (data.progress?.step === 3 && data.progress.losses.length)
          for (const task of ["pause", "go", "pause", "go"]) worker.postMessage({ task });
        if (!(data.progress?.step >= steps)) return;
        worker.terminate();
        resolve(seen);
      };
      load("settings.js").then(({ parse }) => {
        worker.postMessage({ task: "open", id: 1, settings: parse(new URLSearchParams(query)).settings });
        worker.postMessage({ task: "go" });
      });
    }),
};
