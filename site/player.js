/* Play, step by step or by a slider: which step is shown. */

const WHOLE = 3000, LONGEST = 800, SHORTEST = 60;  // milliseconds: all steps together, and one step

export class Player {
  #timer = null;
  #locked = false;
  k = 0;
  steps = 0;

  /** parts: {play, previous, next, slider, speed}. show(k) paints step k; reached() is the last there is;
   * wanted() asks for the rest; still() says whether the visitor wants no motion. */
  constructor(parts, {show, reached, wanted, still}) {
    Object.assign(this, {parts, show, reached, wanted, still});
    parts.play.addEventListener("click", () => (this.playing ? this.pause() : this.play()));
    parts.previous.addEventListener("click", () => this.go(this.#wish - 1));
    parts.next.addEventListener("click", () => this.go(this.#wish + 1));
    parts.slider.addEventListener("input", () => this.go(Number(parts.slider.value)));
  }

  /** While it is locked, no step can be asked for. */
  set locked(locked) {
    this.#locked = locked;
    this.#update();
  }

  get playing() { return this.#timer !== null; }
  get #wish() { return this.target ?? this.k; }

  /** Start anew with so many steps, at step k. */
  reset(steps, k = 0) {
    this.pause();
    [this.steps, this.k] = [steps, k];
    this.parts.slider.max = steps;
    this.#update();
  }

  /** From the start if it is at its end. Who wants no motion sees the end at once. */
  play() {
    this.wanted();
    if (this.still()) return void this.#until(this.steps);
    if (this.k === this.steps) this.#to(0);
    this.#timer = setTimeout(() => this.#tick(), 0);
    this.#update();
  }

  pause() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.target = undefined;
    this.#update();
  }

  /** Show step k, as soon as it is there. */
  go(k) {
    this.pause();
    this.wanted();
    this.#until(Math.min(this.steps, Math.max(0, k)));
  }

  /** What could not be shown before may be there now. */
  grown() {
    if (this.target !== undefined) this.#until(this.target);
  }

  #until(k) {
    this.target = this.reached() < k ? k : undefined;
    this.#to(Math.min(k, this.reached()));
  }

  #to(k) {
    this.k = k;
    this.show(k);
    this.#update();
  }

  #tick() {
    if (this.k < this.reached()) this.#to(this.k + 1);
    if (this.k === this.steps) return this.pause();
    const pause = Math.min(LONGEST, Math.max(SHORTEST, WHOLE / this.steps)) / Number(this.parts.speed.value);
    this.#timer = setTimeout(() => this.#tick(), pause);
  }

  #update() {
    const {play, previous, next, slider} = this.parts;
    slider.value = this.#wish;
    play.disabled = slider.disabled = this.#locked;
    previous.disabled = this.#locked || this.#wish === 0;
    next.disabled = this.#locked || this.#wish === this.steps;
    play.classList.toggle("playing", this.playing);
    play.lastElementChild.textContent = this.playing ? "Pause" : "Play";
  }
}
