/* The engine of the live page: degrades and restores images of 32 x 32 pixels, in a Worker.
 *
 *   import { createEngine } from "./engine.js";
 *   const engine = await createEngine({base: "."});  // reads two small files, nothing more
 *   engine.pairs  // [{id: "superres-mnist", task: "superres", dataset: "mnist", T: 3, channels: 1}]
 *   await engine.ready(pairId, {onProgress(loadedBytes, totalBytes), eightBit: false})
 *   const x_s = await engine.degrade(pairId, x0, s, {mask: {x, y}, eightBit: false})
 *   const run = engine.restore(pairId, method, x0, s, {mask: {x, y}, eightBit: false, onStep(state)})
 *   const {states} = await run.promise;  run.abort();
 *   engine.dispose();
 *
 * Images are Float32Array of channels * 32 * 32 in [-1, 1], channel after channel, row after row.
 * s is a severity, 0..T; method is "direct", "algorithm1" or "algorithm2".
 * mask: the centre of the hole in pixels, x to the right and y down, -1..31; for inpainting.
 * eightBit: the degraded image is rounded to 256 levels, as in a file. The model made for that restores it.
 *
 * A state is {s, x_s, x0_hat, added}. x0_hat is the prediction made from x_s, added what the step from here
 * adds, x_{s-1} - x_s. onStep is called with each state, from s down to 0 ("direct": s, then 0).
 * At s = 0 x0_hat is x_0 and added is null.
 *
 * One run at a time for each method: restore() ends the earlier run of the same method, and abort() any.
 * A run that was ended calls onStep no more and rejects with an error whose name is "AbortError".
 * Other errors are one sentence for the reader.
 */

export async function createEngine({base = "."} = {}) {
  const root = new URL(`${base}/`, document.baseURI).href;
  const [pairs, runtime] = await Promise.all([json("models/pairs.json"), json("runtime/runtime.json")]);
  const waiting = new Map();  // calls that the Worker has not answered yet
  const runs = {};  // how to end the newest run of each method
  let worker, calls = 0;

  async function json(file) {
    const answer = await fetch(new URL(file, root));
    if (!answer.ok) throw new Error(`${file} could not be loaded: the server answered ${answer.status}`);
    return answer.json();
  }

  function ask(kind, request, onNews = () => {}) {
    worker ??= started();
    const call = ++calls;
    const promise = new Promise((resolve, reject) => waiting.set(call, {resolve, reject, onNews}));
    worker.postMessage({call, kind, base: root, ...request});
    return {call, promise};
  }

  function started() {
    const made = new Worker(new URL("worker.js", import.meta.url), {type: "module"});
    made.onmessage = ({data}) => {
      const asked = waiting.get(data.call);
      if (!asked) return;  // it was aborted
      if (data.kind === "progress" || data.kind === "state") return asked.onNews(data);
      waiting.delete(data.call);
      if (data.kind === "done") asked.resolve(data); else asked.reject(new Error(data.message));
    };
    made.onerror = ({message}) => {
      endAll(new Error(`this browser cannot run the networks: ${message ?? "the worker did not start"}`));
    };
    return made;
  }

  function end(call, error) {
    waiting.get(call)?.reject(error);
    waiting.delete(call);
  }

  function endAll(error) {
    for (const call of [...waiting.keys()]) end(call, error);
  }

  function found(pairId) {
    const pair = pairs.find(({id}) => id === pairId);
    if (!pair) throw new Error(`there is no model ${pairId}, only ${pairs.map(({id}) => id).join(", ")}`);
    return pair;
  }

  function request(pairId, x0, s, {mask = {x: 16, y: 16}, eightBit = false}) {
    const pair = found(pairId), length = pair.channels * pair.size ** 2;
    if (x0?.length !== length) throw new Error(`an image has ${length} values, not ${x0?.length}`);
    const known = Number.isInteger(s) && s >= 0 && s <= pair.T;
    if (!known) throw new Error(`${pairId} has severities 0..${pair.T}, not ${s}`);
    const inside = (centre) => Math.min(pair.size - 1, Math.max(-1, Math.round(centre)));
    return {pair, x0: Float32Array.from(x0), s, mask: {x: inside(mask.x), y: inside(mask.y)}, eightBit};
  }

  return {
    pairs,
    async ready(pairId, {onProgress = () => {}, eightBit = false} = {}) {
      const onNews = ({loaded, total}) => onProgress(loaded, total);
      await ask("ready", {pair: found(pairId), eightBit, runtimeBytes: runtime.bytes}, onNews).promise;
    },

    async degrade(pairId, x0, s, options = {}) {
      return (await ask("degrade", request(pairId, x0, s, options)).promise).x_s;
    },

    restore(pairId, method, x0, s, {onStep = () => {}, ...options} = {}) {
      const states = [];
      const {call, promise} = ask("restore", {method, ...request(pairId, x0, s, options)}, ({state}) => {
        states.push(state);
        onStep(state);
      });
      const abort = () => {
        if (!waiting.has(call)) return;
        worker.postMessage({call, kind: "abort"});
        end(call, Object.assign(new Error("ended by a newer run"), {name: "AbortError"}));
      };
      runs[method]?.();
      runs[method] = abort;
      const result = promise.then(() => ({states}));
      result.catch(() => {});  // whoever does not wait for a run need not hear that it was ended
      return {promise: result, abort};
    },

    dispose() {
      endAll(Object.assign(new Error("the engine was closed"), {name: "AbortError"}));
      worker?.terminate();
      worker = undefined;
    },
  };
}
