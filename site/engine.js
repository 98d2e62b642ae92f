/* The engine of the live page: degrades and restores images of 32 x 32 pixels, in a Worker.
 *
 *   import { createEngine } from "./engine.js";
 *   const engine = await createEngine({base: "."});  // reads models/pairs.json alone: at once; the runtime comes when asked for
 *   engine.pairs    // [{id: "superres-mnist", task: "superres", dataset: "mnist", T: 3, channels: 1, size: 32, bytes: 2100000}, ...]
 *   await engine.ready(pairId, {onProgress(loadedBytes, totalBytes), eightBit: false})
 *   const x_s = await engine.degrade(pairId, x0, s, {mask: {x, y}, eightBit: false})
 *   const run = engine.restore(pairId, "direct" | "algorithm1" | "algorithm2", x0, s, {mask: {x, y}, eightBit: false, onStep(state)})
 *   const {states} = await run.promise;  run.abort();
 *   engine.dispose();
 *
 * Images are Float32Array of channels * 32 * 32 in [-1, 1], channel after channel, row after row. s is a severity, 0..T.
 * mask: the centre of the hole in pixels, x to the right and y down, -1..31; only pairs whose task is "inpaint" read it.
 * eightBit: the degraded image is rounded to 256 levels, as in an image file, and restored by the model made for that.
 *
 * A state is {s, x_s, x0_hat, added}: x0_hat is the prediction made from x_s, added what the step from here adds, x_{s-1} - x_s.
 * onStep is called with each, from s down to 0 ("direct": s, then 0). At s = 0 x0_hat is x_0 and added is null.
 *
 * One run at a time for each method: restore() ends the earlier run of the same method, and abort() any. A run that was ended
 * rejects with an error whose name is "AbortError", and calls onStep no more. Other errors are one sentence for the reader.
 */

// A stand-in for building the page: the images it returns are faked, not restored.
const PAIRS = ["deblur", "superres", "inpaint"].flatMap((task) => ["mnist", "cifar10"].map((dataset) => ({
  id: `${task}-${dataset}`, task, dataset, T: {superres: 3, deblur: dataset === "mnist" ? 40 : 50, inpaint: 50}[task],
  channels: dataset === "mnist" ? 1 : 3, size: 32, bytes: 2100000})));
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const aborted = () => Object.assign(new Error("ended by a newer run"), {name: "AbortError"});

function fake(x0, share) {
  return x0.map((value, i) => {
    const block = (i >> 10 << 10) + ((i >> 7 & 7) << 7) + ((i >> 2 & 7) << 2);
    return value + share * (x0[block] - value);
  });
}

export async function createEngine() {
  const runs = {};
  return {
    pairs: PAIRS, fake: true,
    async ready(pairId, {onProgress} = {}) {
      for (let i = 1; i <= 5; i++) { await wait(60); onProgress?.(i * 1200000, 6000000); }
    },
    async degrade(pairId, x0, s) {
      await wait(3);
      return fake(x0, s / PAIRS.find(({id}) => id === pairId).T);
    },
    restore(pairId, method, x0, s, {onStep} = {}) {
      const {T} = PAIRS.find(({id}) => id === pairId), run = {ended: false};
      if (runs[method]) runs[method].ended = true;
      runs[method] = run;
      const go = async () => {
        const states = [], visited = method === "direct" ? [s, 0] : Array.from({length: s + 1}, (_, k) => s - k);
        for (const [k, at] of visited.entries()) {
          await wait(15);
          if (run.ended) throw aborted();
          const x_s = fake(x0, at / T), next = at && fake(x0, visited[k + 1] / T);
          states.push({s: at, x_s, x0_hat: fake(x0, at / T / 2), added: at ? next.map((value, i) => value - x_s[i]) : null});
          onStep?.(states.at(-1));
        }
        return {states};
      };
      return {promise: go(), abort() { run.ended = true; }};
    },
    dispose() {},
  };
}
