/* A picture of the visitor's own, and the square frame in it that is destroyed. */
import { paint, shrink } from "./images.js";

const MOVES = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

export class Picture {
  #bitmap = null;
  #centre = [0.5, 0.5];  // of the frame, as shares of the picture's width and height
  #share = 1;            // of the picture's shorter side
  #grip = null;
  #changed;

  /** changed() is called whenever the frame holds something else. enabled() says whether a touch moves it. */
  constructor(canvas, {changed, enabled}) {
    this.canvas = canvas;
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => {
      if (!enabled() || event.button) return;
      canvas.setPointerCapture(event.pointerId);
      this.#grip = [event.clientX, event.clientY];
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.#grip) return;
      const scale = this.#fit().scale * canvas.clientWidth;
      this.#move((event.clientX - this.#grip[0]) / scale, (event.clientY - this.#grip[1]) / scale);
      this.#grip = [event.clientX, event.clientY];
    });
    const release = () => { this.#grip = null; };
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, release);
    canvas.addEventListener("keydown", (event) => {
      if (!enabled() || !MOVES[event.key]) return;
      event.preventDefault();
      this.#move(...MOVES[event.key].map((step) => step * this.#side() / 20));
    });
  }

  /** Take an image file. Throws an Error of one sentence for one that the browser cannot read. */
  async open(file) {
    try {
      this.#bitmap = await createImageBitmap(file);
    } catch {
      throw new Error(`“${file.name}” is no picture that this browser can read: ` +
        "choose a PNG, JPEG, GIF or WebP file.");
    }
    this.#reset();
    this.#changed();
  }

  /** Take a picture of 32 x 32, as a link carries it. */
  take(x0) {
    this.#bitmap = document.createElement("canvas");
    paint(this.#bitmap, x0);
    this.#reset();
  }

  set share(share) {
    this.#share = share;
    this.#move(0, 0);
  }

  x0() {
    const side = this.#side(), [x, y] = this.#middle();
    return shrink(this.#bitmap, x - side / 2, y - side / 2, side);
  }

  paint() {
    const context = this.canvas.getContext("2d");
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    const {scale, left, top} = this.#fit(), {width, height} = this.#bitmap;
    const frame = this.#side() * scale * side, [x, y] = this.#middle();
    this.canvas.width = this.canvas.height = side;
    context.fillStyle = "#17202a";
    context.fillRect(0, 0, side, side);
    context.drawImage(this.#bitmap, left * side, top * side, width * scale * side, height * scale * side);
    const at = [(left + x * scale) * side - frame / 2, (top + y * scale) * side - frame / 2, frame, frame];
    const outside = new Path2D();
    outside.rect(0, 0, side, side);
    outside.rect(...at);
    context.fillStyle = "rgb(0 0 0 / 0.55)";
    context.fill(outside, "evenodd");
    Object.assign(context, {strokeStyle: "white", lineWidth: 2 * devicePixelRatio});
    context.strokeRect(...at);
  }

  #reset() { [this.#centre, this.#share] = [[0.5, 0.5], 1]; }
  #side() { return this.#share * Math.min(this.#bitmap.width, this.#bitmap.height); }
  #middle() { return [this.#centre[0] * this.#bitmap.width, this.#centre[1] * this.#bitmap.height]; }

  /** How the whole picture is fitted to the canvas, whose side is 1. */
  #fit() {
    const {width, height} = this.#bitmap, scale = 1 / Math.max(width, height);
    return {scale, left: (1 - width * scale) / 2, top: (1 - height * scale) / 2};
  }

  /** Move the frame by so many of the picture's pixels; it stays inside. */
  #move(dx, dy) {
    const half = this.#side() / 2;
    const within = (value, length) => Math.min(length - half, Math.max(half, value)) / length;
    const {width, height} = this.#bitmap, [x, y] = this.#middle();
    this.#centre = [within(x + dx, width), within(y + dy, height)];
    this.#changed();
  }
}
