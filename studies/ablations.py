"""Three seeds of one cheap pair, and what the small network loses without its parts. A quarter of an hour.

All are trained alike (inpainting MNIST, 64,000 images). The last one is the course report's lesson: its first
network was too simple, with half the channels here.
"""
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from colddiff_nb import algorithm2, direct, load, recipe, to_float, train
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.training import Recipe
from colddiff_nb.weights import load_model
from studies.published import METHODS, Fields, Published
from studies.study import Study, each, fixed, in_one_row
from studies.tables import section, seed_table

VARIANTS: dict[str, Fields] = {
    "seed 0": {}, "seed 1": {"seed": 1}, "seed 2": {"seed": 2}, "no severity input": {"time_input": False},
    "no skip connections": {"skips": False}, "half the channels": {"widths": (24, 40, 80)}}
SAMPLERS: dict[str, Callable] = {"direct": direct, "algorithm2": algorithm2}
SHOWN = {f"{score}_{method}": (f"{score.upper()}, {METHODS[method]}", 4)
         for method in SAMPLERS for score in ("rmse", "ssim")}


@dataclass
class Trainings(Study):
    """Short trainings with the recipe `small`, with something changed."""

    steps: int = 1_000
    n: int = 500  # validation images scored

    def recipe(self, task: str, dataset: str, **changes: Any) -> Recipe:
        return recipe("small", task, dataset,
                      **{"steps": self.steps, "evaluate_every": self.steps} | changes)

    def trained(self, choice: Recipe, folder: Path, samplers: dict[str, Callable] = SAMPLERS) -> Fields:
        """RMSE and SSIM after training: {"rmse_direct": ..., ...}."""
        network = train(choice, folder, data_root=self.data)
        cells = self.score(folder / "weights.safetensors", load(choice.dataset, "validation", self.data),
                           folder, methods=samplers, n=self.n)
        count = sum(parameter.numel() for parameter in network.parameters())
        return {"parameters": count} | in_one_row(cells, "rmse", "ssim")


@dataclass
class Ablations(Trainings):
    file = "ablations/record.json"
    rows = "variants"

    def header(self) -> Fields:
        provenance = load("mnist", "validation", self.data).provenance
        return {"task": "inpaint", "data": provenance, "n": self.n,
                "images_seen": self.recipe("inpaint", "mnist").images_seen}

    def cases(self) -> list[Fields]:
        return each(name=VARIANTS)

    def measure(self, name: str) -> Iterator[Fields]:
        choice = self.recipe("inpaint", "mnist", **VARIANTS[name])
        yield {"changes": VARIANTS[name]} | self.trained(choice, self.folder(name))

    def finish(self, rows: list[Fields]) -> None:
        """Draw eight digits, restored by the networks that are still there."""
        x0 = to_float(load("mnist", "validation", self.data).pixels[:8])
        pictures = {"original": x0}
        for row in rows:
            path, name = self.folder(row["name"]) / "weights.safetensors", row["name"]
            if "seed" in row["changes"] or not path.is_file():
                continue
            network, degrade, _ = load_model(path)
            drawn = fixed(degrade, len(x0))
            pictures["degraded"] = drawn(x0, degrade.T)
            for method, sampler in SAMPLERS.items():
                label = f"{'whole network' if name == 'seed 0' else name}, {METHODS[method]}"
                pictures[f"{label}: RMSE {row[f'rmse_{method}']:.3f}"] = sampler(
                    network, drawn, pictures["degraded"])
        columns = {f"digit {i + 1}": shown for i, shown in enumerate(torch.stack([*pictures.values()], 1))}
        title = f"Inpainting MNIST, {self.header()['images_seen']:,} images seen"
        grid(columns, 2, list(pictures), title).save(self.results / "ablations" / "restored.png")

    def folder(self, name: str) -> Path:
        return self.runs / "ablations" / name.replace(" ", "-")


@section
def ablations(published: Published) -> str:
    record = published.read("ablations/record.json")
    rows = pd.DataFrame(record["variants"]).rename(columns={"name": "network"})
    rows["parameters"] = rows["parameters"].map(lambda count: f"{count / 1e6:.2f} M")
    is_seed = rows["network"].str.startswith("seed")
    seeds = rows[is_seed]
    together = seeds.assign(network=f"**{len(seeds)} seeds**", parameters="")
    lines = seed_table(pd.concat([seeds, together, rows[~is_seed]]), ["network", "parameters"], SHOWN, True)
    return (f"Inpainting MNIST, {record['images_seen']:,} images each, scored on {record['n']} validation "
            f"images; ± is one standard deviation.\n\n{lines}\n\n"
            "![Digits restored by the whole network and by those without one of its "
            "parts](ablations/restored.png)")
