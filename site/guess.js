/* For a class: the original is covered until somebody has said which digit it was. */

export class Guess {
  #right = 0;
  #asked = 0;
  #label;

  /** parts: {row, text, buttons, another}. another() shows another digit; revealed() uncovers it. */
  constructor({row, text, buttons, another}, {next, revealed}) {
    Object.assign(this, {row, text, revealed});
    for (let digit = 0; digit < 10; digit++) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = digit;
      button.setAttribute("aria-label", `It was ${digit}`);
      button.addEventListener("click", () => this.#answer(digit));
      buttons.append(button);
    }
    another.addEventListener("click", next);
  }

  get covered() { return this.#label !== undefined; }

  ask(label) {
    this.#label = label;
    this.row.hidden = false;
    this.text.textContent = "Which digit was it?";
  }

  stop() {
    this.#label = undefined;
    this.row.hidden = true;
  }

  #answer(digit) {
    if (!this.covered) return;
    const right = digit === this.#label;
    this.#asked++;
    this.#right += right;
    const score = `${this.#right} of ${this.#asked} guesses are right.`;
    this.text.textContent = `${right ? "Yes" : "No"}, it was a ${this.#label}. ${score}`;
    this.#label = undefined;
    this.revealed();
  }
}
