/* Strokes of a pen made into a digit like MNIST's, which is all that the networks know. */
import { fromBytes, PIXELS, SIZE } from "./images.js";

const BOX = 20, FIELD = 28, PEN = 2.3;  // MNIST: a digit of 20 pixels in a field of 28, and about its pen
const FINE = 8;  // parts of a pixel in which strokes are painted
const SMALLEST = 0.12;  // of the canvas: what is smaller, such as a dot, is not enlarged further

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

/** Strokes with points in 0..1 -> one grey picture.
 * Fit to 20 x 20, the centre of mass in the middle of 28 x 28, then 28 to 32. */
export function digitOf(strokes) {
  const points = strokes.flat();
  if (!points.length) return new Float32Array(PIXELS).fill(-1);
  const ends = [0, 1].map((axis) => {
    const values = points.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  const middle = ends.map(([least, most]) => (least + most) / 2);
  const scale = (BOX - PEN) / Math.max(SMALLEST, ...ends.map(([least, most]) => most - least));
  const placed = (centre) => strokes.map((stroke) => stroke.map((point) => point.map(
    (value, axis) => FINE * (centre[axis] + scale * (value - middle[axis])))));
  const mass = centreOfMass(field(placed([FIELD / 2, FIELD / 2])));
  return enlarge(field(placed(mass.map((value) => FIELD - value))));
}

/** Strokes on a field of 28 x 28 pixels: how much ink each holds, 0 to 255. */
function field(strokes) {
  const side = FIELD * FINE, context = new OffscreenCanvas(side, side).getContext("2d");
  trace(context, strokes, PEN * FINE);
  const {data} = context.getImageData(0, 0, side, side), ink = new Float32Array(FIELD * FIELD);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      ink[Math.floor(y / FINE) * FIELD + Math.floor(x / FINE)] += data[4 * (y * side + x) + 3] / FINE ** 2;
    }
  }
  return ink;
}

function centreOfMass(ink) {
  let [sum, x, y] = [0, 0, 0];
  ink.forEach((value, i) => {
    sum += value;
    x += value * (i % FIELD + 0.5);
    y += value * (Math.floor(i / FIELD) + 0.5);
  });
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
