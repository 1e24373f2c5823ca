// Times a network of the page Try it without a browser, by the page's own runtime: `node try_it_speed.mjs FILE`.
// A picture of 256 × 256 pixels on one thread, the best of five; the answer is seconds of the processor, as JSON, for a
// shared machine's clock runs for others too.

import fs from "node:fs";

const [file] = process.argv.slice(2);
const SIDE = 256;
const RUNS = 5;
const dist = new URL("../../node_modules/onnxruntime-web/dist/", import.meta.url);
const ort = await import(new URL("ort.wasm.min.mjs", dist));
Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: dist.href });
ort.env.logLevel = "error";
const session = await ort.InferenceSession.create(new Uint8Array(fs.readFileSync(file)), {
  executionProviders: ["wasm"],
});
const luma = Float32Array.from({ length: SIDE ** 2 }, (_, k) => ((k * 7919) % 256) / 255);
const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", luma, [1, 1, SIDE, SIDE]) };

const times = [];
for (let k = 0; k <= RUNS; k++) {
  const began = process.cpuUsage();
  await session.run(feeds);
  const { user, system } = process.cpuUsage(began);
  if (k > 0) times.push((user + system) / 1e6); // the first one warms up
}
process.stdout.write(JSON.stringify(Math.min(...times)));
