/* The row of pictures to choose from: digits, photographs, a drawing, a picture of one's own. */
import { paint } from "./images.js";

/** Fill the row. chosen(source, index) is called for a radio button, opened(file) for a file. */
export function fillSources({row, button, input}, {digit, photo}, {chosen, opened}) {
  const add = (source, index, name, x0) => {
    const [chip, radio, canvas] = ["label", "input", "canvas"].map((tag) => document.createElement(tag));
    Object.assign(radio, {type: "radio", name: "source", value: `${source}:${index}`});
    radio.setAttribute("aria-label", name);
    chip.className = "chip";
    chip.title = name;
    chip.append(radio, canvas);
    paint(canvas, x0);
    row.append(chip);
  };
  digit.forEach(({label, x0}, i) => add("digit", i, `A ${label}`, x0));
  photo.forEach(({label, x0}, i) => add("photo", i, `Photograph: ${label}`, x0));
  row.addEventListener("change", ({target}) => {
    const [source, index] = target.value.split(":");
    chosen(source, Number(index));
  });
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files.length) opened(input.files[0]);
    input.value = "";  // the same file again is a choice, too
  });
  document.addEventListener("paste", ({clipboardData}) => {
    if (clipboardData.files.length) opened(clipboardData.files[0]);
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) opened(event.dataTransfer.files[0]);
  });
}
