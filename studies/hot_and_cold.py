"""Hot against cold: one network, budget and data set for noise, blur, pixelation, masks, blur with noise.

Fifteen trainings of about a minute. Restoration is of test images. For generation, x_T is drawn from the
Gaussian with the mean and covariance of degraded training images.
"""
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from colddiff_nb import algorithm1, algorithm2, direct, load, make, recipe, rmse, ssim, to_float, train
from colddiff_nb.degradations import Degradation, register
from colddiff_nb.degradations.others import Noise
from colddiff_nb.metrics.generation import gaussian_like, generation_scores
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.other_samplers import ddim
from colddiff_nb.weights import load_model, shipped_classifier
from studies import generation
from studies.published import Published
from studies.study import Fields, Study, each, fixed
from studies.tables import by_pair, section, seed_table

BUDGET = generation.BUDGET | {"steps": 600, "evaluate_every": 600, "save_every": 200}
TASKS = {"noise": ("noise", 20), "blur": ("deblur", 20), "pixelation": ("superres", 3),
         "masks": ("middle", 20), "blur with noise": ("blur-with-noise", 20)}  # task and T
NOISE_FROM = 8  # the severity noise is restored from, with about the RMSE of the others' x_T
SCORES = {"restoration": {"rmse": ("RMSE", 4), "ssim": ("SSIM", 3), "class_accuracy": ("class accuracy", 3),
                          "frechet": ("Frechet", 1)},
          "generation": {"frechet": ("Frechet", 1), "digits": ("digits in use", 1)}}


class BlurWithNoise(Noise):
    """A hybrid: the blur of MNIST, and noise that grows to a spread of 0.05, some six grey levels."""

    def __init__(self, size: int, options: dict[str, Any], T: int):
        super().__init__(size, options, T)
        self.blur = make("deblur", "mnist", size=size, T=T)
        self.noise_level = 0.05 * torch.arange(T + 1) / T

    def signal(self, x0: Tensor, t: Tensor) -> Tensor:
        return self.blur.apply_at(x0, t, t).to(x0)


def masks_in_the_middle(size: int, options: dict[str, Any], T: int) -> Degradation:
    """One place for all images: else a Gaussian could not say what their x_T have in common."""
    return make("inpaint", size=size, T=T, center=(15, 15), sigma=(1.1, 0.25))


register("middle", masks_in_the_middle, T=20)
register("blur-with-noise", BlurWithNoise, T=20)


@dataclass
class HotAndCold(Study):
    file = "hot_and_cold.json"

    def header(self) -> Fields:
        return {"data": "mnist5k", "budget": BUDGET}

    def cases(self) -> list[Fields]:
        return each(seed=(0, 1, 2), degradation=TASKS)

    def measure(self, degradation: str, seed: int) -> Iterator[Fields]:
        (task, T), path = TASKS[degradation], self.weights(degradation, seed)
        train(recipe("quick", task, "mnist5k", seed=seed, T=T, **BUDGET), path.parent)
        restore, degrade, metadata = load_model(path)
        test, classifier = load("mnist5k", "test"), shipped_classifier("mnist")
        x0, labels = generation.every(to_float(test.pixels)), generation.every(test.labels)
        t, start = NOISE_FROM if task == "noise" else T, drawn_start(degrade, seed, len(x0))
        x_t = degrade.draw(len(x0), torch.Generator().manual_seed(1))(x0, t)
        for name, sample in samplers(degrade).items():
            restored, made = (sample(restore, degrade, x, s).clamp(-1, 1) for x, s in ((x_t, t), (start, T)))
            read = classifier(restored).argmax(1) == labels
            row = {"sampler": name, "n": len(x0), "images_seen": metadata["images_seen"]}
            yield row | {"job": "restoration", "from": t, "rmse": rmse(restored, x0),
                         "ssim": ssim(restored, x0), "class_accuracy": read.float().mean().item(),
                         **generation_scores(restored, x0, classifier)}
            yield row | {"job": "generation", "from": T, **generation_scores(made, x0, classifier)}

    def finish(self, rows: list[Fields]) -> None:
        """Draw what the networks of seed 0 generate, where they are still there."""
        if not all(self.weights(name, 0).is_file() for name in TASKS):
            return
        made = []
        for name in TASKS:
            restore, degrade, _ = load_model(self.weights(name, 0))
            *_, sample = samplers(degrade).values()
            made.append(sample(restore, degrade, drawn_start(degrade, 0), degrade.T)[:8].clamp(-1, 1))
        # Letters: numbers would look like the digits that are meant.
        columns = dict(zip("abcdefgh", torch.stack(made, 1)))
        picture = grid(columns, rows=list(TASKS), scale=2, title="Generated after a minute of training")
        picture.save(self.path().with_suffix(".png"))

    def weights(self, degradation: str, seed: int) -> Path:
        name = f"{degradation.replace(' ', '-')}-{seed}"
        return self.runs / "hot_and_cold" / name / "weights.safetensors"


def drawn_start(degrade: Degradation, seed: int, n: int = 500) -> Tensor:
    x0 = to_float(load("mnist5k", "train").pixels)
    return gaussian_like(fixed(degrade, len(x0))(x0, degrade.T), n, seed)


def noise_estimated_once(restore: Callable, degrade: Noise, x_T: Tensor, T: int) -> Tensor:
    """Algorithm 2 with the noise that explains x_T, the same at all steps."""
    return algorithm2(restore, degrade.estimate(x_T, direct(restore, degrade, x_T, T), T), x_T, T)


def samplers(degrade: Degradation) -> dict[str, Callable]:
    start: dict[str, Callable] = {"degraded": lambda restore, degrade, x_T, T: x_T, "direct": direct}
    if isinstance(degrade, Noise):
        return start | {"Algorithm 2": noise_estimated_once, "DDIM": ddim}
    return start | {"Algorithm 1": algorithm1, "Algorithm 2": algorithm2}


@section
def hot_and_cold(published: Published) -> str:
    record = published.read("hot_and_cold.json")
    row, seeds = record["rows"][0], {row["seed"] for row in record["rows"]}
    tables = by_pair({job.capitalize(): table_of(record, job) for job in SCORES})
    return (f"Seeds: {len(seeds)}; each network saw {row['images_seen']:,} images of {record['data']} and "
            f"is scored on {row['n']:,} test images.\n\n{tables}")


def table_of(record: Fields, job: str) -> str:
    rows = pd.DataFrame(record["rows"])
    return seed_table(rows[rows["job"] == job], ["degradation", "sampler"], SCORES[job])
