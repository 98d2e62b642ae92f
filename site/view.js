/* The three columns: what each method shows, its error, and its rule. */
import { paint, paintSigned, rmse } from "./images.js";
import { METHODS } from "./restoration.js";
import { METHOD_NAMES, METHOD_WORDS, number, rule } from "./words.js";

const PANEL = `<div class="panel"><canvas role="img" width="32" height="32"></canvas></div>`;
const COLUMN = `<figcaption><b></b> <span class="rmse" title="RMSE: 0 is perfect"></span></figcaption>${PANEL}
  <p class="words"></p><p class="rule"></p>`;
const INSIDE = `<figure>${PANEL}<figcaption><span>guess <i>x̂</i><sub>0</sub></span></figcaption></figure>
  <figure>${PANEL}<figcaption>added</figcaption></figure>`;

export class Columns {
  #columns = {};

  /** container is filled with a column for each method, inside with what its last step was made of. */
  constructor(container, inside, still) {
    this.still = still;
    for (const method of METHODS) {
      const figure = document.createElement("figure"), within = document.createElement("div");
      figure.id = method;
      figure.innerHTML = COLUMN;
      figure.querySelector("b").textContent = METHOD_NAMES[method];
      figure.querySelector(".words").textContent = METHOD_WORDS[method];
      figure.querySelector(".rule").innerHTML = rule(method, 0, 0);
      within.innerHTML = INSIDE;
      container.append(figure);
      inside.append(within);
      const [guess, added] = within.querySelectorAll("canvas");
      this.#columns[method] = {state: figure.querySelector("canvas"), rmse: figure.querySelector(".rmse"),
        rule: figure.querySelector(".rule"), within, guess, added};
    }
  }

  /** The canvases of the three states, for a picture of them all. */
  get canvases() { return METHODS.map((method) => [METHOD_NAMES[method], this.#columns[method].state]); }

  /** Show step k of the restoration `made`, or x_s where there is none yet. Returns each method's RMSE.
   * blank: there is nothing to restore, and no error is shown. */
  show({x0, x_s, s, k, made, blank}) {
    return Object.fromEntries(METHODS.map((method) => {
      const column = this.#columns[method], shown = made?.at(method, k).x_s ?? x_s;
      const distance = rmse(shown, x0), error = blank ? "" : `error ${number(distance)}`;
      paint(column.state, shown);
      column.state.setAttribute("aria-label", `${METHOD_NAMES[method]} after ${k} of ${s} steps, ${error}`);
      column.rmse.textContent = error;
      column.rule.innerHTML = rule(method, s, k);
      this.#light(column.rule, k > 0 && (method !== "direct" || k === 1));
      if (k) this.#look(METHOD_NAMES[method], column, made.step(method, k));
      return [method, distance];
    }));
  }

  #look(name, column, {guess, added}) {
    paint(column.guess, guess);
    column.guess.setAttribute("aria-label", `${name}: the guess that the step was made with`);
    paintSigned(column.added, added);
    column.added.setAttribute("aria-label", `${name}: what the step added (purple) and took away (orange)`);
  }

  /** The rule of a method lights up while it acts. */
  #light(formula, on) {
    formula.classList.toggle("lit", on);
    if (on && !this.still()) formula.animate([{backgroundColor: "rgb(64 144 255 / 0.2)"}, {}], 400);
  }
}
