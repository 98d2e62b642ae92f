/* Dark or light: as the system has it, until the visitor chooses. */

const KEY = "theme", dark = matchMedia("(prefers-color-scheme: dark)");

export function themeButton(button) {
  const root = document.documentElement;
  try {
    root.dataset.theme = localStorage.getItem(KEY) ?? "";
  } catch { /* storage is blocked: the choice lasts as long as the page */ }
  button.addEventListener("click", () => {
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(KEY, root.dataset.theme);
    } catch { /* as above */ }
  });
}
