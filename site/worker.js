/* The live page's Worker: ONNX Runtime Web, the graphs exported from PyTorch, and the samplers. engine.js is its only caller.
 *
 * In:  {call, kind: "ready" | "degrade" | "restore" | "abort", ...}
 * Out: {call, kind: "progress" | "state" | "done" | "failed", ...}; every call but "abort" ends in "done" or "failed".
 */
let ort, base;
const loading = new Map();  // what was asked for: address -> promise of a session, or of the runtime
const ended = new Set();    // calls of restore that were aborted
const handlers = {ready, degrade, restore};

self.onmessage = async ({data}) => {
  const {call, kind} = data;
  if (kind === "abort") return ended.add(call);
  base = data.base;
  try {
    const images = await handlers[kind](data);
    self.postMessage({call, kind: "done", ...images}, Object.values(images).map(({buffer}) => buffer));
  } catch (error) {
    self.postMessage({call, kind: "failed", message: error.message ?? String(error)});
  }
  ended.delete(call);
};

/* ---- What is fetched: once, when it is asked for; what failed may be asked for again. ---- */

function once(key, make) {
  if (!loading.has(key)) loading.set(key, make().catch((error) => { loading.delete(key); throw error; }));
  return loading.get(key);
}

async function unpacked(file, count) {
  const answer = await fetch(new URL(file, base));
  if (!answer.ok) throw new Error(`${file} could not be loaded: the server answered ${answer.status}`);
  const chunks = [];
  for (let reader = answer.body.getReader(), part; !(part = await reader.read()).done;) {
    chunks.push(part.value);
    count(part.value.length);
  }
  const packed = new Blob(chunks);
  const [first, second] = new Uint8Array(await packed.slice(0, 2).arrayBuffer());
  if (first !== 0x1f || second !== 0x8b) return packed.arrayBuffer();  // a server unpacked it on the way
  return new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

function runtime(count = () => {}) {
  return once("runtime", async () => {
    const [module, wasm] = await Promise.all([import(new URL("runtime/ort.js", base)), unpacked("runtime/ort.wasm.gz", count)]);
    module.env.wasm.numThreads = 1;  // more were slower, and need headers that static servers do not send
    module.env.wasm.wasmBinary = wasm;
    module.env.logLevel = "error";
    ort = module;
  });
}

function session(file, count = () => {}) {
  return once(file, async () => {
    const [graph] = await Promise.all([unpacked(`models/${file}`, count), runtime(count)]);
    return ort.InferenceSession.create(new Uint8Array(graph), {executionProviders: ["wasm"], logSeverityLevel: 3});
  });
}

const networkFile = ({files}, eightBit) => ((eightBit && files["restore-8bit"]) || files.restore).file;

async function ready({call, pair, eightBit, runtimeBytes}) {
  const files = [pair.files.degrade.file, networkFile(pair, eightBit)], sizes = Object.values(pair.files);
  const wanted = files.filter((file) => !loading.has(file)).map((file) => sizes.find((size) => size.file === file).bytes);
  let total = wanted.reduce((sum, bytes) => sum + bytes, 0), loaded = 0;
  const count = (bytes) => {
    loaded += bytes;
    self.postMessage({call, kind: "progress", loaded: Math.min(loaded, total), total});
  };
  if (!loading.has("runtime")) {
    total += runtimeBytes;
    runtime(count);
  }
  await Promise.all(files.map((file) => session(file, count)));
  return {};
}

/* ---- D and R: the graphs as functions of JavaScript. ---- */

/** (x0, t) -> D(x0, t), a Float64Array; measured(x0, t) -> what an 8-bit image keeps of it, a Float32Array. */
async function degradation({files, channels, size}, mask) {
  const graph = await session(files.degrade.file), {Tensor} = ort;
  const run = async (x0, t, output) => {
    const feeds = {x0: new Tensor("float64", Float64Array.from(x0), [1, channels, size, size]),
                   t: new Tensor("float32", [t], [1]), centre: new Tensor("float32", [mask.y, mask.x], [1, 2])};
    return (await graph.run(feeds, [output]))[output].data;
  };
  return {D: (x0, t) => run(x0, t, "x_t"), measured: (x0, t) => run(x0, t, "measured")};
}

/** (x_s, s) -> the prediction of x0, a Float32Array. start: the severity that the sampler started from. */
async function network(pair, eightBit, start) {
  const graph = await session(networkFile(pair, eightBit)), {Tensor} = ort, {channels, size} = pair;
  const severity = (s) => new Tensor("float32", [s], [1]);
  return async (x_s, s) => (await graph.run({
    x_s: new Tensor("float32", Float32Array.from(x_s), [1, channels, size, size]), s: severity(s), start: severity(start),
  })).x0_hat.data;
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
  const show = (state) => self.postMessage({call, kind: "state", state},
                                           Object.values(state).filter(ArrayBuffer.isView).map(({buffer}) => buffer));
  while (s > 0) {
    await messages();
    if (ended.has(call)) return {};
    const x0_hat = await R(x_s, s), next = Float64Array.from(await SAMPLERS[method](D, x_s, x0_hat, s));
    show({s, x_s: Float32Array.from(x_s), x0_hat: x0_hat.slice(), added: Float32Array.from(next, (value, i) => value - x_s[i])});
    [x_s, s] = [next, method === "direct" ? 0 : s - 1];
  }
  show({s, x_s: Float32Array.from(x_s), x0_hat: Float32Array.from(x_s), added: null});
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
