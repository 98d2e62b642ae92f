/* Everything the page says about what it shows. */

export const METHOD_NAMES = {direct: "Direct", algorithm1: "Algorithm 1", algorithm2: "Algorithm 2"};
export const TASK_NAMES = {superres: "blocks", deblur: "blur", inpaint: "hole"};
export const number = (rmse) => rmse.toFixed(3);

/** What destroying it s times left of a picture. */
export function lost({task, s, channels, bits}) {
  const squares = (32 >> s) ** 2, times = s === 1 ? "once" : `${s} times`;
  const left = {
    superres: `${squares === 16 ? "Sixteen" : squares} ${channels === 1 ? "grey" : "coloured"} squares are left of 1,024 pixels.`,
    deblur: `Blurred ${times}.${channels === 1 && s > 12 ? " The digit hides in differences too small to see." : ""}`,
    inpaint: `The hole grew ${times}. Click on the picture to move it.`,
  }[task];
  return bits ? `${left} Saved with 256 levels.` : left;
}

/** What 8 bits do to such a picture. */
export function aboutBits({task, channels}) {
  if (task !== "deblur") return "An image file has only 256 levels. Here that destroys almost nothing.";
  return `An image file has only 256 levels. Blur hides ${channels === 1 ? "a digit" : "detail"} in differences far below one level: the file destroys them.`;
}

/** The step that has just been made, as a formula (HTML); without numbers before the first step. */
export function rule(method, s, k) {
  const x = (index) => `<i>x</i><sub>${index}</sub>`, guess = "<i>x̂</i><sub>0</sub>";
  const [from, to] = k ? [s - k + 1, s - k] : ["s", "s−1"];
  return {
    direct: `<span>${guess} = R(${x(k ? s : "s")})</span>`,
    algorithm1: `<span>${x(to)} =</span> <span>D(${guess}, ${to})</span>`,
    algorithm2: `<span>${x(to)} = ${x(from)}</span> <span>− D(${guess}, ${from})</span> <span>+ D(${guess}, ${to})</span>`,
  }[method];
}

/** What is shown after k of s steps. rmse: one number for each method, and that of the destroyed picture as `start`. */
export function told({s, k, rmse}) {
  if (!k) return `Press Play: ${s === 1 ? "one step" : `${s} steps`} back.`;
  if (k < s) return `${k} of ${s} steps are done.`;
  const [best] = Object.keys(METHOD_NAMES).sort((a, b) => rmse[a] - rmse[b]);
  return `${METHOD_NAMES[best]} comes nearest: RMSE ${number(rmse[best])}. What was left had ${number(rmse.start)}.`;
}
