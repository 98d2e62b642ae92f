/* What the visitor made, to keep: all five pictures in a row as a PNG, or step by step as a GIF. */
import { gif } from "./gif.js";

const SIDE = 160, GAP = 16, TOP = 34, BOTTOM = 34, MOST = 30;

/** Paint a card. pictures: [[label, canvas], ...]; below them one line. Returns its context. */
function card(pictures, line) {
  const canvas = new OffscreenCanvas(GAP + pictures.length * (SIDE + GAP), TOP + SIDE + BOTTOM);
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  Object.assign(context, {imageSmoothingEnabled: false, fillStyle: "#17191c", textBaseline: "middle"});
  context.font = "15px system-ui, sans-serif";
  pictures.forEach(([label, picture], i) => {
    const left = GAP + i * (SIDE + GAP);
    context.fillText(label, left, TOP / 2);
    context.drawImage(picture, left, TOP, SIDE, SIDE);
  });
  context.fillStyle = "#5d6369";
  context.fillText(line, GAP, TOP + SIDE + BOTTOM / 2);
  return context;
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export async function savePicture({pictures, line}) {
  save(await card(pictures, line).canvas.convertToBlob({type: "image/png"}), "cold-diffusion.png");
}

/** frame(k) shows step k and returns {pictures, line}; at most 30 of the steps 0..s are taken. */
export function saveFilm(s, frame) {
  const count = Math.min(MOST, s + 1);
  const frames = Array.from({length: count}, (_, i) => {
    const k = Math.round(i * s / (count - 1));
    const {pictures, line} = frame(k), context = card(pictures, line), {width, height} = context.canvas;
    const milliseconds = k === 0 ? 1200 : k === s ? 2500 : Math.max(80, 2400 / s);
    return {data: context.getImageData(0, 0, width, height).data, milliseconds, width, height};
  });
  const [{width, height}] = frames;
  save(new Blob([gif(frames, width, height)], {type: "image/gif"}), "cold-diffusion.gif");
}
