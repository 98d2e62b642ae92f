"""The page without a kernel: the explorer's pictures of all six pairs in one HTML file that needs no server and asks for nothing.

    python tools/page.py [FILE]    write it (default: build/page.html, which git ignores)

The pictures are `show.panels`, the numbers and sentences those of the explorer; tools/page.html arranges them. The images are of the
offline test sets, which no shipped model has seen. The file is made anew rather than committed: it changes with the weights, and its
pictures in their last bits with the machine.
"""
from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

import torch
from PIL import Image

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import TASKS
from colddiff_nb.notebook import figures as show
from colddiff_nb.notebook.explorer import NAMES, with_contrast
from colddiff_nb.notebook.model_choice import images_seen
from colddiff_nb.notebook.paint import CIVIDIS, GREYS, PUOR
from colddiff_nb.weights import load_pretrained

LARGEST = 5_000_000  # bytes of the file
DATA = {"mnist": ("mnist5k", "digits"), "cifar10": ("photos", "photographs")}  # in links: the offline set that is shown, its name
Key = tuple[str, str, int]  # task, data, number of the image


def restored(tasks=TASKS, data=tuple(DATA), images: int = 2) -> dict[Key, show.Comparison]:
    """What the shipped models make of the first `images` test images with some contrast, for every pair."""
    made = {}
    for name in data:
        test = load(DATA[name][0], "test")
        for task in tasks:
            restore, degrade, metadata = load_pretrained(task, name)
            for i, number in enumerate(with_contrast(test, images)):
                drawn = degrade.draw(1, torch.Generator().manual_seed(i + 1))  # the same hole as in notebook 03
                weights = f"shipped weights {metadata['checksum'][:8]}, {images_seen(metadata)}"
                title = f"{NAMES[task]}, {test.name} test image {number}, T = {degrade.T}: {weights}"
                made[task, name, i] = show.compare(restore, drawn, to_float(test.pixels[number:number + 1]), title)
    return made


def uri(image: Image.Image) -> str:
    """The image inside an address: WebP without loss."""
    buffer = io.BytesIO()
    image.save(buffer, "webp", lossless=True, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def sheet(rows: list[list[Image.Image]]) -> str:
    """Images of one size side by side, a row for each k."""
    width, height = rows[0][0].size
    whole = Image.new("RGB", (width * len(rows[0]), height * len(rows)))
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            whole.paste(image, (x * width, y * height))
    return uri(whole)


def entry(comparison: show.Comparison) -> dict[str, Any]:
    """What the page knows of one comparison. Sheets have a row for each k, Algorithm 2 on the left and Algorithm 1 on the right."""
    ks = range(comparison.steps + 1)
    painted = [[show.panels(comparison, name, k) for name in show.ALGORITHMS] for k in ks]
    sheets = {kind: sheet([[row[i] for row in rows] for rows in painted]) for i, kind in enumerate(("state", "prediction", "added", "error"))}
    sheets["stretched"] = sheet([[show.panels(comparison, name, k, stretch=True)[0] for name in show.ALGORITHMS] for k in ks])
    return {
        "title": comparison.title, "steps": comparison.steps, "severities": [comparison.severity(k) for k in ks], "limits": comparison.limits,
        "rmse": {name: [round(value, 5) for value in values] for name, values in comparison.rmse.items()},
        "readouts": [show.readout(comparison, k) for k in ks], "sentences": [show.describe(comparison, k) for k in ks],
        "target": uri(show.picture(comparison.x0)), "sheets": sheets,
    }


def page(comparisons: dict[Key, show.Comparison]) -> str:
    """The whole file. Raises ValueError where it is larger than LARGEST."""
    content = {
        "tasks": {task: NAMES[task] for task, _, _ in comparisons}, "data": {name: DATA[name][1] for _, name, _ in comparisons},
        "entries": {f"{task} {name} {i}": entry(comparison) for (task, name, i), comparison in comparisons.items()},
        "bars": {kind: uri(Image.fromarray(table[None])) for kind, table in (("grey", GREYS), ("added", PUOR), ("error", CIVIDIS))},
    }
    template = (HOME / "tools" / "page.html").read_text()
    text = template.replace("{{content}}", json.dumps(content, ensure_ascii=False).replace("<", "\\u003c"))
    if len(text.encode()) > LARGEST:
        raise ValueError(f"the page would have {len(text.encode()):,} bytes, more than {LARGEST:,}: show fewer images of each pair")
    return text


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME / "build" / "page.html"
    text = page(restored())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"{path}: {len(text.encode()) / 1e6:.1f} MB; open it in any browser")


if __name__ == "__main__":
    main()
