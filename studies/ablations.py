"""Three seeds of one cheap pair, and what the small network loses without its parts. A quarter of an hour.

All are trained alike (inpainting MNIST, 64,000 images) and scored on the same validation images. The last one
is the course report's lesson: its first network was too simple, with half the channels here.
"""
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from colddiff_nb import algorithm2, direct, load, recipe, to_float, train
from colddiff_nb.data import Images
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.training import Recipe
from colddiff_nb.weights import load_model
from studies.published import Published
from studies.study import Fields, Study, each, score
from studies.tables import markdown, over_seeds, section

VARIANTS: dict[str, dict[str, Any]] = {
    "seed 0": {}, "seed 1": {"seed": 1}, "seed 2": {"seed": 2}, "no severity input": {"time_input": False},
    "no skip connections": {"skips": False}, "half the channels": {"widths": (24, 40, 80)}}
SHOWN = {"rmse_direct": "RMSE, direct", "ssim_direct": "SSIM, direct", "rmse_algorithm2": "RMSE, Algorithm 2",
         "ssim_algorithm2": "SSIM, Algorithm 2"}
METHODS: dict[str, Callable] = {"direct": direct, "algorithm2": algorithm2}


@dataclass
class Ablations(Study):
    steps: int = 1_000
    n: int = 500  # validation images scored

    file = "ablations/record.json"
    rows = "variants"

    def header(self) -> Fields:
        provenance = load("mnist", "validation", self.data).provenance
        return {"task": "inpaint", "data": provenance, "n": self.n,
                "images_seen": self.recipe("seed 0").images_seen}

    def cases(self) -> list[Fields]:
        return each(name=VARIANTS)

    def measure(self, name: str) -> Iterator[Fields]:
        folder, validation = self.folder(name), load("mnist", "validation", self.data)
        network = train(self.recipe(name), folder, data_root=self.data)
        parameters = sum(parameter.numel() for parameter in network.parameters())
        yield {"name": name, "changes": VARIANTS[name], "parameters": parameters} | scores(
            folder, validation, self.n, METHODS)

    def finish(self, rows: list[Fields]) -> None:
        """Draw eight digits, restored by the networks that are still there."""
        x0 = to_float(load("mnist", "validation", self.data).pixels[:8])
        pictures = {"original": x0}
        for row in rows:
            path, name = self.folder(row["name"]) / "weights.safetensors", row["name"]
            if "seed" in row["changes"] or not path.is_file():
                continue
            network, degrade, _ = load_model(path)
            drawn = degrade.draw(len(x0), torch.Generator().manual_seed(0))
            pictures["degraded"] = drawn(x0, degrade.T)
            for method, title in (("direct", "direct"), ("algorithm2", "Algorithm 2")):
                label = f"{'whole network' if name == 'seed 0' else name}, {title}"
                pictures[f"{label}: RMSE {row[f'rmse_{method}']:.3f}"] = METHODS[method](
                    network, drawn, pictures["degraded"])
        columns = {f"digit {i + 1}": shown for i, shown in enumerate(torch.stack([*pictures.values()], 1))}
        title = f"Inpainting MNIST, {self.recipe('seed 0').images_seen:,} images seen"
        grid(columns, 2, list(pictures), title).save(self.results / "ablations" / "restored.png")

    def recipe(self, name: str) -> Recipe:
        options = {"steps": self.steps, "evaluate_every": self.steps} | VARIANTS[name]
        return recipe("small", "inpaint", "mnist", **options)

    def folder(self, name: str) -> Path:
        return self.runs / "ablations" / name.replace(" ", "-")


def scores(folder: Path, images: Images, n: int, methods: dict[str, Callable]) -> Fields:
    """RMSE and SSIM of a training by every method: {"rmse_direct": ..., ...}"""
    cells = score(folder / "weights.safetensors", images, folder, methods=methods, n=n)
    return {f"{metric}_{cell['method']}": cell[metric] for cell in cells for metric in ("rmse", "ssim")}


@section
def ablations(published: Published) -> str:
    record = published.read("ablations/record.json")
    rows = pd.DataFrame(record["variants"])
    seeds = rows["name"].str.startswith("seed")
    lines = rows[list(SHOWN)].map("{:.4f}".format)
    lines.insert(0, "network", rows["name"])
    lines.insert(1, "parameters", rows["parameters"].map(lambda count: f"{count / 1e6:.2f} M"))
    spread = {"network": f"**{seeds.sum()} seeds**", "parameters": ""} | {
        key: over_seeds(rows[seeds][key], 4, deviation=True) for key in SHOWN}
    lines = pd.concat([lines[seeds], pd.DataFrame([spread]), lines[~seeds]]).rename(columns=SHOWN)
    return (f"Inpainting MNIST, {record['images_seen']:,} images each, scored on {record['n']} validation "
            f"images; ± is one standard deviation.\n\n{markdown(lines)}\n\n"
            "![Digits restored by the whole network and by those without one of its "
            "parts](ablations/restored.png)")
