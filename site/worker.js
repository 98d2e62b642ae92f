/* The live page's Worker: ONNX Runtime Web, the graphs exported from PyTorch, and the samplers.
 *
 * In, from engine.js: {call, kind: "ready" | "degrade" | "restore" | "abort", ...}
 * Out: {call, kind: "progress" | "state" | "done" | "failed", ...}; a call ends in "done" or "failed".
 */
let ort, base;
const RUNTIME = "runtime/ort.wasm.gz";
const loading = new Map();   // path -> promise of what is made of the file
const arrived = new Map();   // path -> bytes of it that are here
const watchers = new Set();  // called when there are more
const ended = new Set();     // calls of restore that were aborted
const handlers = {ready, degrade, restore};

self.onmessage = async ({data}) => {
  const {call, kind} = data;
  if (kind === "abort") {
    ended.add(call);
    return;
  }
  base = data.base;
  try {
    const images = await handlers[kind](data);
    self.postMessage({call, kind: "done", ...images});
  } catch (error) {
    self.postMessage({call, kind: "failed", message: error.message ?? String(error)});
  }
  ended.delete(call);
};

/* ---- What is fetched: once, when it is asked for; what failed may be asked for again. ---- */

function once(path, make) {
  if (!loading.has(path)) loading.set(path, make().catch((error) => { loading.delete(path); throw error; }));
  return loading.get(path);
}

async function fetched(path) {
  const answer = await fetch(new URL(path, base)).catch(() => ({status: "nothing"}));
  if (!answer.ok) throw new Error(`${path} could not be loaded: the server answered ${answer.status}`);
  const chunks = [], reader = answer.body.getReader();
  arrived.set(path, 0);
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    arrived.set(path, arrived.get(path) + part.value.length);
    watchers.forEach((tell) => tell());
  }
  return new Blob(chunks);
}

async function unpacked(path) {
  const packed = await fetched(path);
  const [first, second] = new Uint8Array(await packed.slice(0, 2).arrayBuffer());
  if (first !== 0x1f || second !== 0x8b) return packed.arrayBuffer();  // a server unpacked it on the way
  return new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

function runtime() {
  return once(RUNTIME, async () => {
    const [module, wasm] = await Promise.all([import(new URL("runtime/ort.js", base)), unpacked(RUNTIME)]);
    module.env.wasm.numThreads = 1;  // more were slower, and need headers that static servers do not send
    module.env.wasm.wasmBinary = wasm;
    module.env.logLevel = "error";
    ort = module;
  });
}

function session({file}) {
  return once(`models/${file}`, async () => {
    const [graph] = await Promise.all([unpacked(`models/${file}`), runtime()]);
    const options = {executionProviders: ["wasm"], logSeverityLevel: 3};
    return ort.InferenceSession.create(new Uint8Array(graph), options);
  });
}

const restorer = ({files}, eightBit) => (eightBit && files["restore-8bit"]) || files.restore;

async function ready({call, pair, eightBit, runtimeBytes}) {
  const graphs = [pair.files.degrade, restorer(pair, eightBit)];
  const files = [[RUNTIME, runtimeBytes], ...graphs.map(({file, bytes}) => [`models/${file}`, bytes])];
  const missing = files.filter(([path, bytes]) => !(arrived.get(path) >= bytes));
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0), total = sum(missing.map(([, bytes]) => bytes));
  const tell = () => {
    const loaded = sum(missing.map(([path, bytes]) => Math.min(arrived.get(path) ?? 0, bytes)));
    self.postMessage({call, kind: "progress", loaded, total});
  };
  if (missing.length) watchers.add(tell);
  try {
    await Promise.all(graphs.map(session));
  } finally {
    watchers.delete(tell);
  }
  return {};
}

/* ---- D and R: the graphs as functions of JavaScript. ---- */

/** D(x0, t) -> a Float64Array; measured(x0, t) -> what an 8-bit image keeps of it, a Float32Array. */
async function degradation({files, channels, size}, mask) {
  const graph = await session(files.degrade), {Tensor} = ort;
  const centre = new Tensor("float32", [mask.y, mask.x], [1, 2]);
  const run = async (x0, t, output) => {
    const image = new Tensor("float64", Float64Array.from(x0), [1, channels, size, size]);
    return (await graph.run({x0: image, t: new Tensor("float32", [t], [1]), centre}, [output]))[output].data;
  };
  return {D: (x0, t) => run(x0, t, "x_t"), measured: (x0, t) => run(x0, t, "measured")};
}

/** (x_s, s) -> the prediction of x0, a Float32Array. start: the severity that the sampler started from. */
async function network(pair, eightBit, start) {
  const graph = await session(restorer(pair, eightBit)), {Tensor} = ort;
  const severity = (s) => new Tensor("float32", [s], [1]);
  return async (x_s, s) => {
    const image = new Tensor("float32", Float32Array.from(x_s), [1, pair.channels, pair.size, pair.size]);
    return (await graph.run({x_s: image, s: severity(s), start: severity(start)})).x0_hat.data;
  };
}

async function degrade({pair, x0, s, mask, eightBit}) {
  const {D, measured} = await degradation(pair, mask);
  return {x_s: Float32Array.from(await (eightBit ? measured : D)(x0, s))};
}

/* ---- The samplers: (D, x_s, x0_hat, s) -> the next state. ---- */

const SAMPLERS = {
  direct: async (D, x_s, x0_hat) => x0_hat,
  algorithm1: (D, x_s, x0_hat, s) => D(x0_hat, s - 1),
  algorithm2: async (D, x_s, x0_hat, s) => {
    const [with_s, with_less] = [await D(x0_hat, s), await D(x0_hat, s - 1)];
    return x_s.map((value, i) => value - with_s[i] + with_less[i]);  // x_s is float64, as in PyTorch
  },
};

async function restore({call, pair, method, x0, s, mask, eightBit}) {
  const [{D, measured}, R] = await Promise.all([degradation(pair, mask), network(pair, eightBit, s)]);
  let x_s = Float64Array.from(Float32Array.from(await (eightBit ? measured : D)(x0, s)));
  const show = (s, x_s, x0_hat, added) => {
    const state = {s, x_s: Float32Array.from(x_s), x0_hat: Float32Array.from(x0_hat), added};
    self.postMessage({call, kind: "state", state});
  };
  while (s > 0) {
    await messages();
    if (ended.has(call)) return {};
    const x0_hat = await R(x_s, s), next = Float64Array.from(await SAMPLERS[method](D, x_s, x0_hat, s));
    show(s, x_s, x0_hat, Float32Array.from(next, (value, i) => value - x_s[i]));
    [x_s, s] = [next, method === "direct" ? 0 : s - 1];
  }
  show(0, x_s, x_s, null);
  return {};
}

/** Lets messages in that have arrived, such as an abort. */
function messages() {
  return new Promise((resolve) => {
    const {port1, port2} = new MessageChannel();
    port1.onmessage = () => { port1.close(); resolve(); };
    port2.postMessage(null);
  });
}
