// A network in the browser: ONNX Runtime on the graphics card where that is possible, else on the processor.

const ORT = new URL("./ort/", import.meta.url).href;

/** How many threads a page may use: one, unless its host or our service worker isolates it from other sites. */
function threads() {
  return self.crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency || 1) : 1;
}

/** The graphics card, or null where this runtime can use none. */
export async function graphicsCard() {
  // This build of ONNX Runtime waits for the card by a feature of WebAssembly that not every browser has.
  if (!navigator.gpu || typeof WebAssembly.Suspending !== "function") return null;
  return navigator.gpu.requestAdapter().catch(() => null);
}

/**
 * The runtime for a device, `{ort, providers, device}`. The files of another device are never fetched.
 * `wanted` is "auto", "gpu" or "cpu"; `count` is the number of threads, 0 for as many as may be.
 */
export async function runtime(wanted, count) {
  const gpu = wanted !== "cpu" && (await graphicsCard());
  const ort = await import(gpu ? `${ORT}ort.jspi.min.mjs` : `${ORT}ort.wasm.min.mjs`);
  ort.env.wasm.wasmPaths = ORT;
  ort.env.wasm.numThreads = gpu ? 1 : count || threads();
  ort.env.logLevel = "error";
  const device = gpu
    ? "graphics card"
    : ort.env.wasm.numThreads === 1
      ? "1 thread"
      : `${ort.env.wasm.numThreads} threads`;
  return { ort, providers: [gpu ? "webgpu" : "wasm"], device };
}

/**
 * Open a network: `{run, device}`, where `run(luma, rows, columns)` gives the restored luma, float32 in [0, 1].
 * `about` is its entry in models.json. What a graphics card computes is compared with what the network is known to
 * give; where that is not the same, the processor computes.
 */
export async function openNetwork(about, { device = "auto", threads: count = 0 } = {}) {
  const url = new URL(about.file, import.meta.url);
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`The network ${about.file} could not be loaded (${answer.status}).`);
  const content = new Uint8Array(await answer.arrayBuffer());
  if (device !== "cpu") {
    try {
      const { ort, providers, device: name } = await runtime(device, count);
      const network = await open(ort, content, providers, name);
      if (await isRight(network, about.check)) return network;
    } catch (error) {
      if (device === "gpu") throw error;
    }
  }
  const { ort, providers, device: name } = await runtime("cpu", count);
  const network = await open(ort, content, providers, name);
  if (!(await isRight(network, about.check)))
    throw new Error(`The network ${about.name} does not compute here as it should.`);
  return network;
}

async function open(ort, content, providers, device) {
  const session = await ort.InferenceSession.create(content, { executionProviders: providers });
  async function run(luma, rows, columns) {
    const input = new ort.Tensor("float32", luma, [1, 1, rows, columns]);
    const output = (await session.run({ [session.inputNames[0]]: input }))[session.outputNames[0]];
    const restored = await output.getData();
    output.dispose();
    return restored;
  }
  return { run, device };
}

async function isRight(network, { rows, columns, input, output }) {
  const found = await network.run(Float32Array.from(input), rows, columns);
  return output.every((value, k) => Math.abs(found[k] - value) < 1e-4);
}
