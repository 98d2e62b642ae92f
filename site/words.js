/* Everything the page says about what it shows. */

export const METHOD_NAMES = {direct: "Direct", algorithm1: "Algorithm 1", algorithm2: "Algorithm 2"};
export const METHOD_WORDS = {
  direct: "one guess",
  algorithm1: "guess, degrade it a little less, again and again",
  algorithm2: "keep the picture, add only what the step brings back"};
export const BLANK = "Draw a digit. On a keyboard, arrows move the pen and the space bar puts it down.";
export const TASK_NAMES = {superres: "blocks", deblur: "blur", inpaint: "hole"};
export const INSIDE = "What the last step guessed, and its change: purple adds, orange takes away.";
export const INSIDE_SOON = "Press Play: the guess and the change of each step will stand here.";
export const COVERED = "Answer first: then you may press Play.";
export const number = (rmse) => rmse.toFixed(3);

const TIE = 0.002;  // RMSE: who is nearer by less is not called nearer
const tap = matchMedia("(pointer: coarse)").matches ? "Tap" : "Click";

/** What is shown above the canvas to draw on. */
export function heading({source, covered, blank}) {
  if (covered) return "Guess the digit";
  if (source === "drawing") return blank ? "Draw a digit" : "Your drawing";
  return {digit: "An example", photo: "A photograph", picture: "Frame your photo"}[source];
}

/** What the page does with such a picture. */
export function lead({task, channels}) {
  const [subject, colour] = channels === 1 ? ["a digit", "grey"] : ["a photo", "coloured"];
  return {
    superres: `A network rebuilds ${subject} from ${colour} squares.`,
    deblur: `A network brings back ${subject} that blur made faint.`,
    inpaint: `A network paints what a hole took out of ${subject}.`,
  }[task];
}

/** Where the link is, and that it holds the visitor's own photograph if it does. */
export function linked({copied, photo}) {
  const where = copied ? "The link is copied." : "The link stands in the address bar.";
  return photo ? `${where} It carries your photo.` : where;
}

/** What destroying it s times left of a picture, as HTML: its label is one more of the 8-bit switch. */
export function lost({task, s, channels, bits}) {
  const squares = (32 >> s) ** 2, count = squares === 16 ? "Sixteen" : squares;
  const times = s === 1 ? "once" : `${s} times`;
  const left = {
    superres: `${count} ${channels === 1 ? "grey" : "coloured"} squares are left of 1,024 pixels.`,
    deblur: `Blurred ${times}. ${faint({s, channels, bits})}`,
    inpaint: `The hole grew ${times}. ${tap} to move it.`,
  }[task];
  return bits && task !== "deblur" ? `${left} Rounded to 256 levels.` : left;
}

function faint({s, channels, bits}) {
  const what = channels === 1 ? "The digit" : "Detail";
  if (bits) return `Rounded to 256 levels, which lose ${what === "Detail" ? "detail" : "the digit"}.`;
  const degree = channels === 1 && s > 12 ? "but too faint for the eye" : "but faint";
  return `${what} is still there, ${degree}: <label for="bits">switch on 8 bits</label> and see it fail.`;
}

/** What 8 bits do to such a picture. */
export function aboutBits({task, channels}) {
  const levels = "An image file has only 256 levels.", hidden = channels === 1 ? "a digit" : "detail";
  if (task !== "deblur") return `${levels} Here that destroys almost nothing.`;
  return `${levels} Blur hides ${hidden} in differences far below one level: the file destroys them.`;
}

/** The step that has just been made, as a formula (HTML); without numbers before the first step. */
export function rule(method, s, k) {
  const x = (index) => `<i>x</i><sub>${index}</sub>`, guess = "<i>x̂</i><sub>0</sub>";
  const [from, to] = k ? [s - k + 1, s - k] : ["s", "s−1"];
  return {
    direct: `<span>${guess} = R(${x(k ? s : "s")})</span>`,
    algorithm1: `<span>${x(to)} =</span> <span>D(${guess}, ${to})</span>`,
    algorithm2: `<span>${x(to)} = ${x(from)}</span> <span>− D(${guess}, ${from})</span>
      <span>+ D(${guess}, ${to})</span>`,
  }[method];
}

/** What is shown after k of s steps. rmse: one for each method; `start` is that of the destroyed picture. */
export function told({s, k, rmse}) {
  if (!k) return `Press Play: the network goes back in ${s === 1 ? "one step" : `${s} steps`}.`;
  if (k < s) return `${k} of ${s} steps are done.`;
  const {start, ...found} = rmse, least = Math.min(...Object.values(found));
  const best = Object.keys(found).filter((method) => found[method] - least < TIE);
  const names = best.length === 3 ? "All three" : best.map((method) => METHOD_NAMES[method]).join(" and ");
  const verb = best.length === 1 ? "comes nearest" : "tie";
  return `${names} ${verb}: error ${number(least)}. What was left had ${number(start)}.`;
}
