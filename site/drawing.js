/* The canvas to draw on: by mouse, finger, pen or keyboard. Strokes are lists of points, x and y in 0..1. */
import { digitOf, trace } from "./digit.js";
import { fromText, toText } from "./images.js";

const WIDTH = 0.085, APART = 0.012, STEP = 0.04;  // of the canvas: a line, between its points, an arrow key
const FINEST = 255;  // places along a side, so that a link carries points as bytes
const MOVES = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

const onPad = (value) => Math.round(FINEST * Math.min(1, Math.max(0, value))) / FINEST;

export class Drawing {
  strokes = [];
  #pen = null;         // the stroke that is being drawn
  #at = [0.5, 0.2].map(onPad);    // where the keyboard's pen is
  #shown = false;      // whether it is shown
  #changed;

  /** changed() is called after each new part of a stroke. enabled() says whether a touch draws;
   * starting() is called before it does. */
  constructor(canvas, {changed, enabled, starting}) {
    this.canvas = canvas;
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => {
      if (!enabled() || event.button) return;
      starting();
      canvas.setPointerCapture(event.pointerId);
      this.#shown = false;
      this.#begin(this.#place(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.#pen) return;
      for (const moved of event.getCoalescedEvents?.() ?? [event]) this.#extend(this.#place(moved));
    });
    const lift = () => { this.#pen = null; };
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, lift);
    canvas.addEventListener("keydown", (event) => enabled() && this.#key(event, starting));
    canvas.addEventListener("blur", () => { this.#shown = false; this.paint(); });
  }

  undo() { this.strokes.pop(); this.#pen = null; this.#changed(); }
  clear() { this.strokes = []; this.#pen = null; this.#changed(); }
  x0() { return digitOf(this.strokes); }

  /** The strokes as text for a link, and back: two bytes a point, a point between strokes. */
  get text() {
    const coded = (stroke) => toText(stroke.flat().map((value) => Math.round(FINEST * value)));
    return this.strokes.map(coded).join(".");
  }

  set text(text) {
    this.strokes = text.split(".").filter(Boolean).map((part) => {
      const values = Array.from(fromText(part), (byte) => byte / FINEST);
      return Array.from({length: values.length >> 1}, (_, i) => values.slice(2 * i, 2 * i + 2));
    });
  }

  paint() {
    const context = this.canvas.getContext("2d");
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    const scaled = (point) => point.map((value) => side * value);
    this.canvas.width = this.canvas.height = side;
    context.fillStyle = "black";
    context.fillRect(0, 0, side, side);
    trace(context, this.strokes.map((stroke) => stroke.map(scaled)), WIDTH * side);
    if (this.#shown) trace(context, [[scaled(this.#at)]], WIDTH * side, this.#pen ? "#4aa3e8" : "#808890");
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map(onPad);
  }

  #begin(point) {
    this.strokes.push(this.#pen = [point]);
    this.#changed();
  }

  #extend(point) {
    const [x, y] = this.#pen.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) < APART) return;
    this.#pen.push(point);
    this.#changed();
  }

  /** Arrows move the pen, the space bar puts it down and lifts it. */
  #key(event, starting) {
    if (event.key !== " " && !MOVES[event.key]) return;
    event.preventDefault();
    starting();
    this.#shown = true;
    if (event.key === " ") {
      if (this.#pen) this.#pen = null;
      else this.#begin(this.#at);
    } else {
      this.#at = this.#at.map((value, axis) => onPad(value + STEP * MOVES[event.key][axis]));
      if (this.#pen) this.#extend(this.#at);
    }
    this.paint();
  }
}
