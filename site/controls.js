/* The controls say what is chosen. */
import { aboutBits, heading, lead, lost } from "./words.js";

const at = (id) => document.getElementById(id);

export function showChoice(
  {source, index, task, s, bits, inside, guess}, {T, channels, undoable, covered, blank}) {
  for (const radio of document.querySelectorAll("[name=source]")) {
    radio.checked = radio.value === `${source}:${index}`;
    if (radio.checked) reveal(radio.closest(".chip"), at("sources"));
  }
  for (const radio of document.querySelectorAll("[name=task]")) radio.checked = radio.value === task;
  at("own").setAttribute("aria-pressed", source === "picture");
  document.querySelector(".lead").textContent = lead({task, channels});
  at("one-text").textContent = heading({source, covered, blank});
  at("invitation").classList.toggle("middle", blank);
  at("invitation").hidden = guess || !(blank || source === "digit");
  at("drawing-tools").hidden = source === "picture";
  at("picture-tools").hidden = source !== "picture";
  at("undo").disabled = !undoable;
  at("clear").disabled = guess;

  Object.assign(at("severity"), {max: T, value: s});
  at("lost").innerHTML = lost({task, s, channels, bits});
  at("severity").setAttribute("aria-valuetext", `${s} of ${T}. ${at("lost").textContent}`);
  at("degraded").tabIndex = task === "inpaint" ? 0 : -1;
  at("degraded").classList.toggle("movable", task === "inpaint");
  at("degraded").setAttribute("aria-label", `Destroyed: ${at("lost").textContent}`);

  for (const [id, on] of Object.entries({inside, guess, bits})) at(id).checked = on;
  at("inside-row").hidden = !inside;
  at("about-bits").hidden = !bits;
  at("about-bits").textContent = aboutBits({task, channels});
}

/** Scroll a row sideways until one of its parts is seen. "Draw" and "Your photo" never leave it. */
function reveal(part, row) {
  if (part.matches(":first-of-type")) return;
  const [inside, seen, own] = [part, row, at("own")].map((box) => box.getBoundingClientRect());
  if (inside.right > seen.right) row.scrollLeft += inside.right - seen.right + inside.width;
  if (inside.left < own.right) row.scrollLeft -= own.right - inside.left + inside.width;
}
