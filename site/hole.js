/* The centre of the hole, in pixels -1 to 31, placed by a click, a drag or the arrow keys. */
import { SIZE } from "./images.js";

const MOVES = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const within = (value) => Math.min(SIZE - 1, Math.max(-1, value));

/** Call placed({x, y}) when the hole is moved on the canvas, while enabled() holds.
 * where() says where it is. */
export function placeHole(canvas, {enabled, where, placed}) {
  let held = false;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    placed({x: within(Math.floor(SIZE * x)), y: within(Math.floor(SIZE * y))});
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!enabled() || event.button) return;
    held = true;
    canvas.setPointerCapture(event.pointerId);
    place(event);
  });
  canvas.addEventListener("pointermove", (event) => held && place(event));
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = false; });
  canvas.addEventListener("keydown", (event) => {
    if (!enabled() || !MOVES[event.key]) return;
    event.preventDefault();
    const [dx, dy] = MOVES[event.key], {x, y} = where();
    placed({x: within(x + dx), y: within(y + dy)});
  });
}
