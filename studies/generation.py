"""Cold generation of digits: how x_T is drawn, and what a little noise on it does. Ten minutes.

From block means by the shipped super-resolution network, three seeds of the draw; and from one grey by
networks trained here, three seeds of training and draw. The best noise is chosen against training digits.
"""
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from colddiff_nb import algorithm2, load, load_pretrained, recipe, to_float, train
from colddiff_nb.metrics.generation import gaussian_like, generation_scores
from colddiff_nb.training import Recipe
from colddiff_nb.weights import load_model, shipped_classifier
from studies.published import Published
from studies.study import Fields, Study, each
from studies.tables import over_seeds, section, seed_table

IMAGES = 500
LEVELS = {"one grey": (0, 0.00005, 0.0001, 0.0002, 0.0004, 0.001),  # noise on x_T, in [-1, 1]
          "one Gaussian": (0, 0.001, 0.01), "ten Gaussians": (0, 0.001, 0.01, 0.05, 0.1)}
BUDGET: Fields = {"steps": 800, "widths": (32, 48, 96), "severities": "uniform", "rollout": 0.0,
                          "evaluate_every": 800}
SHOWN = {"test.frechet": ("Frechet, to test digits", 1), "test.digits": ("digits in use", 1),
         "spread": ("spread", 3)}


def trained_on_greys(seed: int) -> Recipe:
    return recipe("quick", "mean", "mnist5k", T=20, measurement_precision="8bit", seed=seed, **BUDGET)


@dataclass
class Generation(Study):
    file = "generation.json"

    def header(self) -> Fields:
        return {"data": "mnist5k", "n": IMAGES, "images_seen": trained_on_greys(0).images_seen}

    def cases(self) -> list[Fields]:
        return each(seed=(0, 1, 2))

    def measure(self, seed: int) -> Iterator[Fields]:
        classifier = shipped_classifier("mnist")
        digits, test = load("mnist5k", "train"), to_float(load("mnist5k", "test").pixels)
        x0, labels = to_float(digits.pixels), digits.labels
        references = {"train": every(x0), "test": every(test)}

        restore, pixelate, shipped = load_pretrained("superres", "mnist5k")
        blocks = pixelate(x0, pixelate.T)
        of_each_digit = [gaussian_like(blocks[labels == k], IMAGES // 10, 10 * seed + k) for k in range(10)]
        one = gaussian_like(blocks, IMAGES, seed)
        draws = {"one Gaussian": one, "clamped": one.clamp(-1, 1),
                 "ten Gaussians": torch.cat(of_each_digit).clamp(-1, 1),
                 "real x_T": pixelate(every(x0, seed + 1), pixelate.T)}
        models = {name: (restore, pixelate, draw) for name, draw in draws.items()}
        folder = self.runs / "generation" / f"grey-{seed}"
        train(trained_on_greys(seed), folder, images=digits)
        from_grey, blur, _ = load_model(folder / "weights.safetensors")
        models["one grey"] = from_grey, blur, gaussian_like(blur(x0, blur.T), IMAGES, seed)

        grain = torch.randn(IMAGES, 1, 32, 32, generator=torch.Generator().manual_seed(1_000 + seed))
        made = {(name, level): algorithm2(network, degrade, x_T + level * grain)
                for name, (network, degrade, x_T) in models.items() for level in LEVELS.get(name, (0,))}
        made["no network: a Gaussian of whole digits", 0] = gaussian_like(x0, IMAGES, seed)
        made["training digits", 0] = every(x0, seed + 1)
        if seed == 0:
            made["test digits", 0] = references["test"]
        for (name, level), images in made.items():
            images = images.clamp(-1, 1)
            scores = {data: generation_scores(images, real, classifier) for data, real in references.items()}
            yield {"x_T": name, "noise": level, "weights": shipped["checksum"],
                   "spread": images.flatten(1).std(0).mean().item()} | scores


def every(images: Tensor, first: int = 0) -> Tensor:
    """IMAGES of the images, spread evenly."""
    return images[first::len(images) // IMAGES][:IMAGES]


@section
def generation(published: Published) -> str:
    record = published.read("generation.json")
    rows = pd.json_normalize(record["rows"])
    rows["noise on x_T"] = rows["noise"].map(lambda noise: f"{noise:g}" if noise else "–")
    grey = rows[rows["x_T"] == "one grey"]
    chosen = grey.loc[grey.groupby("seed")["train.frechet"].idxmin()]
    levels = ", ".join(f"{noise:g}" for noise in chosen["noise"])
    return (f"{record['n']:,} generated images a row. Block means are restored by the shipped "
            "super-resolution network; their seeds are of the draw. The networks of *one grey* saw "
            f"{record['images_seen']:,} images of {record['data']} each; their seeds are of training and "
            "draw.\n\n"
            f"{seed_table(rows, ['x_T', 'noise on x_T'], SHOWN)}\n\n"
            f"From one grey, with the noise that is best against *training* digits ({levels} for the "
            f"networks of the seeds): {over_seeds(chosen['test.frechet'], 1)} to test digits, and "
            f"{over_seeds(grey[grey['noise'] == 0]['test.frechet'], 1)} without noise.")
