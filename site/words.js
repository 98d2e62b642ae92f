/* Everything the page says about what it shows. */

export const METHOD_NAMES = {direct: "Direct", algorithm1: "Algorithm 1", algorithm2: "Algorithm 2"};
export const METHOD_WORDS = {direct: "guess once", algorithm1: "guess, redo", algorithm2: "guess, adjust"};
export const BLANK = "Draw a digit. On a keyboard, arrows move the pen and the space bar puts it down.";
export const TASK_NAMES = {superres: "blocks", deblur: "blur", inpaint: "hole"};
export const number = (rmse) => rmse.toFixed(3);

/** What destroying it s times left of a picture. */
export function lost({task, s, channels, bits}) {
  const squares = (32 >> s) ** 2, count = squares === 16 ? "Sixteen" : squares;
  const times = s === 1 ? "once" : `${s} times`;
  const left = {
    superres: `${count} ${channels === 1 ? "grey" : "coloured"} squares are left of 1,024 pixels.`,
    deblur: `Blurred ${times}${channels === 1 && s > 12 ? ": what is left is too faint to see" : ""}.`,
    inpaint: `The hole grew ${times}. Click to move it.`,
  }[task];
  return bits ? `${left} Saved with 256 levels.` : left;
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
  const [best] = Object.keys(METHOD_NAMES).sort((a, b) => rmse[a] - rmse[b]);
  const [nearest, before] = [rmse[best], rmse.start].map(number);
  return `${METHOD_NAMES[best]} comes nearest: RMSE ${nearest}. What was left had ${before}.`;
}
