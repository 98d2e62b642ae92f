/* Strokes of a pen made into a digit like MNIST's, which is all that the networks know. */
import { fromBytes, PIXELS, SIZE } from "./images.js";

const BOX = 20, FIELD = 28, PEN = 2.3;  // MNIST: a digit of 20 pixels in a field of 28; about as thick as its pens
const FINE = 8;                         // parts of a pixel in which strokes are painted
const SMALLEST = 0.12;                  // of the canvas: what is smaller, a dot for one, is not enlarged further

/** Draw strokes, lists of points [x, y], with round ends. */
export function trace(context, strokes, width, colour = "white") {
  Object.assign(context, {lineWidth: width, lineCap: "round", lineJoin: "round", strokeStyle: colour});
  for (const stroke of strokes) {
    context.beginPath();
    stroke.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
    if (stroke.length === 1) context.lineTo(...stroke[0]);
    context.stroke();
  }
}

/** Strokes with points in 0..1 -> one grey picture: fit to 20 x 20, centre of mass in the middle of 28 x 28, then 28 to 32. */
export function digitOf(strokes) {
  const points = strokes.flat();
  if (!points.length) return new Float32Array(PIXELS).fill(-1);
  const [left, top, right, bottom] = [Math.min, Math.max].flatMap((end) => [0, 1].map((axis) => end(...points.map((p) => p[axis]))));
  const scale = (BOX - PEN) / Math.max(SMALLEST, right - left, bottom - top);
  const placed = ([dx, dy]) => strokes.map((stroke) => stroke.map(([x, y]) => [
    FINE * (FIELD / 2 + scale * (x - (left + right) / 2) + dx), FINE * (FIELD / 2 + scale * (y - (top + bottom) / 2) + dy)]));
  const [x, y] = centreOfMass(field(placed([0, 0])));
  return enlarge(field(placed([FIELD / 2 - x, FIELD / 2 - y])));
}

/** Strokes on a field of 28 x 28 pixels: how much ink each holds, 0 to 255. */
function field(strokes) {
  const side = FIELD * FINE, context = new OffscreenCanvas(side, side).getContext("2d");
  trace(context, strokes, PEN * FINE);
  const {data} = context.getImageData(0, 0, side, side), ink = new Float32Array(FIELD * FIELD);
  for (let i = 0; i < side * side; i++) ink[Math.floor(i / side / FINE) * FIELD + Math.floor(i % side / FINE)] += data[4 * i + 3] / FINE ** 2;
  return ink;
}

function centreOfMass(ink) {
  let [sum, x, y] = [0, 0, 0];
  ink.forEach((value, i) => { sum += value; x += value * (i % FIELD + 0.5); y += value * (Math.floor(i / FIELD) + 0.5); });
  return [x / sum, y / sum];
}

/** 28 x 28 to 32 x 32, bilinear with half-pixel centres, as the data sets are enlarged. */
function enlarge(ink) {
  const taps = Array.from({length: SIZE}, (_, i) => {
    const place = Math.max(0, (i + 0.5) * FIELD / SIZE - 0.5), first = Math.floor(place);
    return [first, Math.min(FIELD - 1, first + 1), place - first];
  });
  return fromBytes(Float32Array.from({length: PIXELS}, (_, i) => {
    const [top, bottom, down] = taps[Math.floor(i / SIZE)], [left, right, across] = taps[i % SIZE];
    const row = (y) => (1 - across) * ink[y * FIELD + left] + across * ink[y * FIELD + right];
    return Math.round((1 - down) * row(top) + down * row(bottom));
  }));
}
