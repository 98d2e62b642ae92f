/* The page: what the visitor chose, and everything that follows from it. */
import { saveFilm, savePicture } from "./card.js";
import { showChoice } from "./controls.js";
import { Drawing } from "./drawing.js";
import { createEngine } from "./engine.js";
import { loadExamples } from "./examples.js";
import { fetched } from "./fetching.js";
import { Guess } from "./guess.js";
import { placeHole } from "./hole.js";
import { channelsOf, paint, rmse } from "./images.js";
import { FIRST, linkButton, pictureText, read, USUAL, written } from "./link.js";
import { Picture } from "./picture.js";
import { Player } from "./player.js";
import { Restoration } from "./restoration.js";
import { fillSources } from "./sources.js";
import { themeButton } from "./theme.js";
import { Columns } from "./view.js";
import { BLANK, COVERED, INSIDE, INSIDE_SOON, number, TASK_NAMES, told } from "./words.js";

const SOON = 350;  // milliseconds without a change before a restoration begins by itself
const at = (id) => document.getElementById(id);
const motion = matchMedia("(prefers-reduced-motion: reduce)"), still = () => motion.matches;
themeButton(at("theme"));
const [engine, examples] = await Promise.all([createEngine({base: "."}), loadExamples()]);
const pairs = Object.fromEntries(engine.pairs.map((pair) => [pair.id, pair]));
const choice = {...FIRST, s: USUAL["superres-mnist"]};
let x0, x_s = null, pair = "superres-mnist", restoration = null, timer = null;

const pad = at("pad");
const drawing = new Drawing(pad, {
  changed: () => take("drawing"), enabled: () => choice.source !== "picture" && !guess.covered,
  starting: () => choice.source === "drawing" || drawing.clear()});
const own = new Picture(pad, {changed: () => take("picture"), enabled: () => choice.source === "picture"});
const columns = new Columns(at("columns"), at("insides"), still);
const player = new Player(
  {play: at("play"), previous: at("previous"), next: at("next"), slider: at("step"), speed: at("speed")},
  {show, still, wanted: () => restoration ?? restore(),
    reached: () => Math.max(0, restoration?.reached ?? 0)});
const guess = new Guess(
  {row: at("guess-row"), text: at("guess-text"), buttons: at("guesses"), another: at("another")},
  {next: () => askDigit(), revealed: cover});

/** Another picture to destroy. */
function take(source, index = 0, more = {}) {
  x0 = source === "drawing" ? drawing.x0() : source === "picture" ? own.x0() : examples[source][index].x0;
  if (x_s?.length !== x0.length) x_s = null;
  change({...more, source, index});
}

/** Something was chosen: what was made before is void. */
function change(chosen) {
  Object.assign(choice, chosen);
  const before = pair;
  pair = `${choice.task}-${channelsOf(x0) === 1 ? "mnist" : "cifar10"}`;
  if (pair !== before && !chosen.s) choice.s = USUAL[pair];
  at("wrong").hidden = true;
  restoration?.abort();
  restoration = null;
  player.reset(choice.s);
  controls();
  show(0);
  degrade();
  clearTimeout(timer);
  timer = setTimeout(restore, SOON);
}

/** Another way to destroy it: who was looking at step k of a restoration gets the same of the new one. */
function compare(chosen) {
  const {k, steps} = player, target = player.target ?? k;
  change(chosen);
  if (target) player.go(target === steps ? player.steps : target);
}

const isBlank = () => choice.source === "drawing" && !drawing.strokes.length;

function controls() {
  const undoable = choice.source === "drawing" && !isBlank(), {covered} = guess;
  showChoice(choice, {T: pairs[pair].T, channels: channelsOf(x0), undoable, covered, blank: isBlank()});
}

const asked = () => ({pair, x0, s: choice.s, mask: choice.hole, eightBit: choice.bits});

/** Destroy the picture as it is now. While that is done, only the newest wish is remembered. */
let busy = false, stale = false;
async function degrade() {
  stale = busy;
  if (busy) return;
  busy = true;
  try {
    do {
      stale = false;
      const {pair: id, x0: picture, s, mask, eightBit} = asked();
      await fetched(engine, id, eightBit);
      const made = await engine.degrade(id, picture, s, {mask, eightBit});
      if (made.length === x0.length) x_s = made;
      show(player.k);
    } while (stale);
  } catch (error) {
    complain(error);
  }
  busy = false;
}

function restore() {
  clearTimeout(timer);
  const made = restoration = new Restoration(choice.s);
  const grown = () => made === restoration && player.grown();
  made.run(engine, asked(), grown).then(grown, (error) => made === restoration && complain(error));
}

/** Show the original, what is left of it, and step k of the restorations. */
function show(k) {
  const {s, source} = choice, onPad = k === 0 && {drawing, picture: own}[source];
  paint(at("original"), x0);
  const name = guess.covered ? "The original is covered." : "The original picture, 32 x 32 pixels.";
  at("original").setAttribute("aria-label", name);
  pad.classList.toggle("seen", Boolean(onPad));
  if (onPad) onPad.paint();
  remember();
  if (!x_s) return;
  const start = rmse(x_s, x0);
  paint(at("degraded"), x_s);
  const blank = isBlank(), made = restoration?.reached >= k ? restoration : null;
  at("left-rmse").textContent = blank ? "" : `error ${number(start)}`;
  const distances = columns.show({x0, x_s, s, k, made, blank});
  at("insides").hidden = !k;
  at("inside-text").textContent = k ? INSIDE : INSIDE_SOON;
  at("step").setAttribute("aria-valuetext", `${k} of ${s} steps done`);
  const moving = player.playing && k < s;
  if (guess.covered) say(COVERED);
  else if (blank) say(BLANK);
  else say(moving ? `Going back ${s} steps.` : told({s, k, rmse: {...distances, start}}));
}

function say(text) {
  if (at("said").textContent !== text) at("said").textContent = text;
}

/** What went wrong stays to be read until something else is chosen. */
function complain({name, message}) {
  if (name === "AbortError") return;
  at("wrong").textContent = message;
  at("wrong").hidden = false;
}

/** The address follows what is shown, a little later: browsers limit how often it may change. */
let remembering = null;
function address() {
  const text = choice.source === "picture" ? pictureText(x0) : drawing.text;
  return written({...choice, k: player.k, text});
}

function remember() {
  clearTimeout(remembering);
  remembering = setTimeout(() => history.replaceState(null, "", address()), 300);
}

/** Cover the original, or show it again. */
function cover() {
  at("cover").hidden = !guess.covered;
  player.locked = guess.covered;
  controls();
  at("sources").hidden = choice.guess;
  for (const id of ["png", "gif"]) at(id).inert = guess.covered;
  show(player.k);
}

function askDigit(more) {
  const others = examples.digit.map((_, i) => i).filter((i) => i !== choice.index);
  take("digit", others[Math.floor(Math.random() * others.length)], more);
  guess.ask(examples.digit[choice.index].label);
  cover();
}

/** Show what the address asks for. */
function follow() {
  const counts = {digit: examples.digit.length, photo: examples.photo.length};
  const {asked: wish, wrong} = read(location.hash, pairs, counts);
  const {k = 0, text = "", pixels, ...chosen} = {...FIRST, ...wish};
  guess.stop();
  drawing.text = text;
  if (pixels) own.take(pixels);
  pair = "";  // whatever it was, the severity is the usual one, or that of the address
  if (chosen.guess) askDigit(chosen);
  else take(chosen.source, chosen.index, chosen);
  cover();
  if (k && !guess.covered) player.go(k);
  if (wrong.length) complain({message: `This link asks for what is not here: ${wrong.join("; ")}.`});
}

/** Show the example that was restored beforehand. */
function paintFirst() {
  const {digit, s, states} = examples.first;
  Object.assign(choice, {index: digit, s});
  x0 = examples.digit[digit].x0;
  x_s = states.direct[0].x_s;
  restoration = new Restoration(s, states);
  player.reset(s, s);
  controls();
  show(s);
  say("Press Play to see how this one came back.");
  fetched(engine, pair, false).catch(complain);
}

function framed() {
  const {task, s} = choice, steps = `Step ${player.k} of ${s}`;
  const line = `Cold diffusion: ${TASK_NAMES[task]}, severity ${s}. ${steps}.`;
  return {line, pictures: [["Original", at("original")], ["Destroyed", at("degraded")], ...columns.canvases]};
}

fillSources({row: at("sources"), button: at("own"), input: at("file")}, examples, {
  chosen: take,
  opened: (file) => own.open(file).catch(complain),
});
placeHole(at("degraded"), {
  enabled: () => choice.task === "inpaint",
  where: () => choice.hole,
  placed: (hole) => change({hole}),
});
at("undo").addEventListener("click", () => drawing.undo());
at("clear").addEventListener("click", () => drawing.clear());
at("frame").addEventListener("input", ({target}) => { own.share = target.value / 100; });
at("severity").addEventListener("input", ({target}) => change({s: Number(target.value)}));
for (const radio of document.querySelectorAll("[name=task]")) {
  radio.addEventListener("change", () => compare({task: radio.value}));
}
at("bits").addEventListener("change", ({target}) => compare({bits: target.checked}));
at("inside").addEventListener("change", ({target}) => {
  choice.inside = target.checked;
  controls();
  remember();
});
at("guess").addEventListener("change", ({target}) => {
  choice.guess = target.checked;
  if (choice.guess) return askDigit();
  guess.stop();
  cover();
});
linkButton(at("link"), at("linked"), address);
at("png").addEventListener("click", () => savePicture(framed()));
at("gif").addEventListener("click", () => {
  const {k} = player;
  saveFilm(Math.min(choice.s, restoration?.reached ?? 0), (step) => { player.go(step); return framed(); });
  player.go(k);
});
addEventListener("hashchange", follow);
addEventListener("resize", () => show(player.k));

if (location.hash.length > 1) follow();
else paintFirst();
