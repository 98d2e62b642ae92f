/* One picture restored in three ways: the states that each method has reached so far. */

export const METHODS = ["direct", "algorithm1", "algorithm2"];

export class Restoration {
  #runs = [];

  /** states: for each method a list of {s, x_s, x0_hat}, from the destroyed picture to the last one. */
  constructor(s, states = {direct: [], algorithm1: [], algorithm2: []}) {
    this.s = s;
    this.states = states;
  }

  /** Ask the engine for all three. grown() is called after each new state. Rejects with what went wrong. */
  async run(engine, {pair, x0, s, mask, eightBit}, grown) {
    this.#runs = METHODS.map((method) => {
      const onStep = (state) => {
        this.states[method].push(state);
        grown();
      };
      return engine.restore(pair, method, x0, s, {mask, eightBit, onStep});
    });
    await Promise.all(this.#runs.map((run) => run.promise));
  }

  abort() {
    for (const run of this.#runs) run.abort();
  }

  /** The step up to which all three can be shown: 0 is the destroyed picture, s the end, -1 nothing yet. */
  get reached() {
    const {direct, algorithm1, algorithm2} = this.states;
    const once = direct.length > 1 ? this.s : direct.length - 1;
    return Math.min(once, algorithm1.length - 1, algorithm2.length - 1);
  }

  /** What a method shows after k steps. Direct is done after one. */
  at(method, k) {
    return this.states[method][method === "direct" ? Math.min(k, 1) : k];
  }

  /** The step that led to step k: the guess it was made with, and what it added to the state. */
  step(method, k) {
    const {x_s: before, x0_hat: guess} = this.at(method, method === "direct" ? 0 : k - 1);
    const {x_s: after} = this.at(method, k);
    return {guess, added: after.map((value, i) => value - before[i])};
  }
}
