/* The pictures that come with the page, and one restoration to show before a network is here.
 *
 * models/examples.json: {
 *   "digits": [{"label": 7, "pixels": TEXT}, ...], "photographs": [{"label": "a cat", "pixels": TEXT}, ...],
 *   "first": {"task": "superres", "digit": 0, "s": 3,
 *             "states": {"direct": [{"s": 3, "x_s": TEXT, "x0_hat": TEXT}, {"s": 0, ...}],
 *                        "algorithm1": [...], "algorithm2": [...]}}}
 * TEXT is base64 of bytes 0..255, channel after channel, row after row. No network has seen these pictures.
 */
import { fromBytes, fromText } from "./images.js";

const decoded = (text) => fromBytes(fromText(text));

/** {digit: [{label, x0}, ...], photo: [{label, x0}, ...], first: {digit, s, states}} */
export async function loadExamples() {
  const {digits, photographs, first} = await (await fetch("models/examples.json")).json();
  const pictures = (list) => list.map(({label, pixels}) => ({label, x0: decoded(pixels)}));
  const states = Object.entries(first.states).map(([method, list]) => [
    method, list.map(({s, x_s, x0_hat}) => ({s, x_s: decoded(x_s), x0_hat: decoded(x0_hat)}))]);
  return {
    digit: pictures(digits),
    photo: pictures(photographs),
    first: {...first, states: Object.fromEntries(states)},
  };
}
