/* The state of the page in its address, so that a link can be passed on: #task=superres&s=3&digit=0&k=3 */
import { fromBytes, fromText, PIXELS, toBytes, toText } from "./images.js";
import { linked } from "./words.js";

export const USUAL = {  // severity
  "superres-mnist": 3, "deblur-mnist": 20, "inpaint-mnist": 20,
  "superres-cifar10": 2, "deblur-cifar10": 30, "inpaint-cifar10": 20};
export const FIRST = {
  source: "digit", index: 0, task: "superres", hole: {x: 16, y: 16},
  bits: false, inside: false, guess: false};

/** A click copies the address of what is shown, and a note beside the button says so. */
export function linkButton(button, note, address) {
  button.addEventListener("click", async () => {
    history.replaceState(null, "", address());
    const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    note.textContent = linked({copied, photo: location.hash.includes("picture=")});
  });
}

/** The part of an address that stands for a state. */
export function written({task, s, k, source, index, hole, bits, inside, guess, text}) {
  const parts = {task, s, k, [source]: ["digit", "photo"].includes(source) ? index : text};
  if (guess) delete parts.digit;  // it would give the answer away
  if (task === "inpaint") parts.hole = `${hole.x}.${hole.y}`;
  for (const [name, on] of Object.entries({bits, inside, guess})) if (on) parts[name] = 1;
  return `#${Object.entries(parts).map(([name, value]) => `${name}=${value}`).join("&")}`;
}

function whole(text, most, least = 0) {
  return /^-?\d+$/.test(text) && text >= least && text <= most ? Number(text) : undefined;
}

/** What an address asks for: {asked, wrong}; wrong names each part that cannot be.
 * pairs: {T} by id; counts: of digits and photos. */
export function read(hash, pairs, counts) {
  const given = new Map(hash.replace(/^#/, "").split("&").filter(Boolean).map((part) => {
    const [name, ...value] = part.split("=");
    return [name, value.join("=")];
  }));
  const asked = {}, wrong = [];
  const take = (name, value, choices) => {
    if (value === undefined) wrong.push(`${name}=${given.get(name).slice(0, 20)} (choose ${choices})`);
    return value;
  };
  const source = ["digit", "photo", "drawing", "picture"].find((name) => given.has(name));
  if (source) {
    const value = given.get(source);
    const drawn = /^[\w.-]*$/.test(value) ? value : undefined;
    if (source === "drawing") asked.text = take(source, drawn, "a drawing made here");
    else if (source === "picture") asked.pixels = take(source, picture(value), "a picture made here");
    else asked.index = take(source, whole(value, counts[source] - 1), `0 to ${counts[source] - 1}`);
    if (Object.values(asked).some((found) => found !== undefined)) asked.source = source;
  }
  if (given.has("task")) {
    const task = given.get("task"), known = Object.hasOwn(pairs, `${task}-mnist`);
    asked.task = take("task", known ? task : undefined, "superres, deblur or inpaint");
  }
  const data = ["photo", "picture"].includes(asked.source) ? "cifar10" : "mnist";
  const {T} = pairs[`${asked.task ?? "superres"}-${data}`];
  if (given.has("s")) asked.s = take("s", whole(given.get("s"), T, 1), `1 to ${T}`);
  if (given.has("k")) asked.k = take("k", whole(given.get("k"), asked.s ?? T), `0 to ${asked.s ?? T}`);
  if (given.has("hole")) {
    const [x, y] = given.get("hole").split(".").map((part) => whole(part, 31, -1));
    asked.hole = take("hole", x === undefined || y === undefined ? undefined : {x, y}, "-1.-1 to 31.31");
  }
  for (const name of ["bits", "inside", "guess"]) asked[name] = given.get(name) === "1";
  return {asked: Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)), wrong};
}

export const pictureText = (x0) => toText(toBytes(x0));

function picture(text) {
  try {
    const bytes = fromText(text);
    return bytes.length === 3 * PIXELS ? fromBytes(bytes) : undefined;
  } catch {
    return undefined;
  }
}
