/* The pictures that come with the page, and one restoration painted beforehand.
 *
 * models/examples.json: {
 *   "digits": [{"label": 7, "pixels": TEXT}, ...], "photographs": [{"label": "a cat", "pixels": TEXT}, ...],
 *   "first": {"task": "superres", "digit": 0, "s": 3,
 *             "states": {"direct": [{"s": 3, "x_s": TEXT, "x0_hat": TEXT}, {"s": 0, ...}], "algorithm1": [...], "algorithm2": [...]}}}
 * TEXT is base64 of bytes 0..255, channel after channel, row after row. No network has seen these pictures.
 */
import { fromBytes, fromText } from "./images.js";

const decoded = (text) => fromBytes(fromText(text));

export async function loadExamples() {
  const found = await (await fetch("models/examples.json")).json();
  const pictures = (list) => list.map(({label, pixels}) => ({label, x0: decoded(pixels)}));
  const {states, ...first} = found.first;
  for (const [method, list] of Object.entries(states)) {
    const read = list.map(({s, x_s, x0_hat}) => ({s, x_s: decoded(x_s), x0_hat: decoded(x0_hat), added: null}));
    read.slice(0, -1).forEach((state, k) => { state.added = read[k + 1].x_s.map((value, i) => value - state.x_s[i]); });
    states[method] = read;
  }
  return {digits: pictures(found.digits), photographs: pictures(found.photographs), first: {...first, states}};
}
