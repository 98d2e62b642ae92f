/* Pictures as numbers: Float32Array of channels * 32 * 32 in [-1, 1], channel by channel, row by row. */

export const SIZE = 32;
export const PIXELS = SIZE * SIZE;
export const channelsOf = (x) => x.length / PIXELS;

const clamp = (value) => Math.min(1, Math.max(-1, value));

/** The root mean square error of two pictures, each clamped, on a scale where black is 0 and white is 1. */
export function rmse(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (clamp(a[i]) - clamp(b[i])) ** 2;
  return Math.sqrt(sum / a.length) / 2;
}

export const toBytes = (x) => Uint8Array.from(x, (value) => Math.round((clamp(value) + 1) * 127.5));
export const fromBytes = (bytes) => Float32Array.from(bytes, (value) => value / 127.5 - 1);

/** Bytes as text that may stand in a link, and back. */
export const toText = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
export const fromText = (text) => {
  const decoded = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(decoded, (character) => character.charCodeAt(0));
};

function paintPixels(canvas, colourOf) {
  canvas.width = canvas.height = SIZE;
  const image = new ImageData(SIZE, SIZE);
  for (let i = 0; i < PIXELS; i++) image.data.set([...colourOf(i), 255], 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Paint a picture, grey or in colour, on a canvas. */
export function paint(canvas, x) {
  const bytes = toBytes(x), last = channelsOf(x) - 1;
  paintPixels(canvas, (i) => [0, 1, 2].map((channel) => bytes[Math.min(channel, last) * PIXELS + i]));
}

// Orange to purple, as the notebooks paint what has a sign (PuOr).
const SIGNED = "7f3b08 b35806 e08214 fdb863 fee0b6 f7f7f7 d8daeb b2abd2 8073ac 542788 2d004b".split(" ")
  .map((colour) => [0, 2, 4].map((at) => parseInt(colour.slice(at, at + 2), 16)));

/** Paint changes, -2 to 2, on a cube-root scale that shows small ones: orange is less, purple is more. */
export function paintSigned(canvas, x) {
  const count = channelsOf(x);
  paintPixels(canvas, (i) => {
    let mean = 0;
    for (let channel = 0; channel < count; channel++) mean += x[channel * PIXELS + i] / count;
    const place = 5 * (1 + clamp(Math.cbrt(mean / 2))), below = Math.min(9, Math.floor(place));
    return SIGNED[below].map((value, c) => value + (place - below) * (SIGNED[below + 1][c] - value));
  });
}

/** A square canvas or picture, shrunk to a colour picture of 32 x 32. */
export function shrink(source, left, top, side) {
  const canvas = new OffscreenCanvas(SIZE, SIZE), context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";  // below transparent parts
  context.fillRect(0, 0, SIZE, SIZE);
  context.drawImage(source, left, top, side, side, 0, 0, SIZE, SIZE);
  const {data} = context.getImageData(0, 0, SIZE, SIZE);
  const value = (_, i) => data[4 * (i % PIXELS) + Math.floor(i / PIXELS)];
  return fromBytes(Array.from({length: 3 * PIXELS}, value));
}
