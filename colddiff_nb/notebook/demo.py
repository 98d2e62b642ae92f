"""What `make run` does: three quick trainings on real digits, scored on digits they have not seen."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from colddiff_nb.data.loading import load
from colddiff_nb.data.pixels import to_float
from colddiff_nb.degradations.contract import Degradation
from colddiff_nb.degradations.tasks import measure
from colddiff_nb.metrics.classifier import Classifier, train_classifier
from colddiff_nb.metrics.evaluation import Judges, evaluate, markdown, plain, table
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.sampling import algorithm1, algorithm2, direct
from colddiff_nb.training.loop import train
from colddiff_nb.training.recipes import Recipe, recipe
from colddiff_nb.training.validation import validation_scores
from colddiff_nb.weights.pretrained import load_model

TITLES = {"superres": "pixelation", "inpaint": "masks", "deblur": "blur"}  # in the order they are trained


def restorations(network: nn.Module, degrade: Degradation, pixels: Tensor,
                 measurement_precision: str = "float32", seed: int = 0) -> dict[str, Tensor]:
    """Degrade uint8 images (n, C, H, W) and restore them in all three ways: the columns of a `grid`."""
    x0 = to_float(pixels)
    drawn = degrade.draw(len(x0), torch.Generator().manual_seed(seed))
    x_T = measure(drawn(x0, degrade.T), measurement_precision)
    samplers = {"direct": direct, "Algorithm 1": algorithm1, "Algorithm 2": algorithm2}
    restored = {name: sampler(network, drawn, x_T) for name, sampler in samplers.items()}
    return {"degraded": x_T, **restored, "original": x0}


def run_task(chosen: Recipe, folder: Path, classifier: Classifier) -> Image.Image:
    """Train (or resume), score on the test split, and return a picture of six restorations."""
    train(chosen, folder, on_evaluate=validation_scores(chosen))
    network, degrade, metadata = load_model(folder / "weights.safetensors")
    test = load(chosen.dataset, "test")
    evaluate((network, degrade, metadata), test, folder, judges=Judges(classifier))
    shown = restorations(network, degrade, test.pixels[:6])
    return grid(shown, 2, title=f"Restored from {TITLES[chosen.task]}")


def main(runs: str | Path = "runs", recipe_name: str = "quick") -> None:
    """Restore the offline digits from three degradations; some five minutes on two CPU cores."""
    recipes = [recipe(recipe_name, task, "mnist5k") for task in TITLES]
    print("A classifier learns the 4,000 training digits, to read the restored ones ...", flush=True)
    classifier, test = train_classifier(load("mnist5k", "train")), load("mnist5k", "test")
    accuracy = (classifier(to_float(test.pixels)).argmax(1) == test.labels).float().mean()
    pictures = {}
    for chosen in recipes:
        print(f"\nRestoring digits from {TITLES[chosen.task]}: training", flush=True)
        folder = Path(runs, f"{recipe_name}-{chosen.task}-mnist5k")
        pictures[folder] = np.asarray(run_task(chosen, folder, classifier))
    picture, scores = Path(runs, "restored.png"), table(list(pictures))
    Image.fromarray(np.hstack(list(pictures.values()))).save(picture)
    Path(runs, "table.md").write_text(markdown(scores) + "\n")
    print(f"\n1,000 digits that no network was trained on "
          f"(the classifier reads {accuracy:.1%} of the originals):\n\n{plain(scores)}\n\n"
          f"wrote {picture} and {Path(runs, 'table.md')}\n"
          "next: .venv/bin/python -m colddiff_nb restore, or make lab and open 00_start_here.ipynb")
