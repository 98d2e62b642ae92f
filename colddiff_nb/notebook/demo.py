"""What `make run` does: three quick trainings on real digits, scored on digits they have not seen."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from colddiff_nb.data.loading import load
from colddiff_nb.data.pixels import to_float
from colddiff_nb.degradations.tasks import IN_WORDS
from colddiff_nb.metrics.classifier import Classifier, train_classifier
from colddiff_nb.metrics.evaluation import Judges, evaluate
from colddiff_nb.metrics.records import markdown, plain, table
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.sampling import SAMPLERS
from colddiff_nb.training.loop import train
from colddiff_nb.training.recipes import Recipe, recipe
from colddiff_nb.training.validation import validation_scores
from colddiff_nb.weights.pretrained import load_model


def run_task(chosen: Recipe, folder: Path, classifier: Classifier) -> Image.Image:
    """Train (or resume), score on the test split, and return a picture of six restorations."""
    train(chosen, folder, on_evaluate=validation_scores(chosen))
    network, degrade, _ = model = load_model(folder / "weights.safetensors")
    test = load(chosen.dataset, "test")
    evaluate(model, test, folder, judges=Judges(classifier))
    x0 = to_float(test.pixels[:6])
    D = degrade.draw(len(x0), torch.Generator().manual_seed(0))
    columns = {"degraded": D(x0, D.T)}
    for name, sampler in SAMPLERS.items():
        columns[name.replace("algorithm", "Algorithm ")] = sampler(network, D, columns["degraded"])
    return grid(columns | {"original": x0}, 2, title=f"Restored from {IN_WORDS[chosen.task]}")


def main(runs: str | Path = "runs", recipe_name: str = "quick") -> None:
    """Restore the offline digits from three degradations; some five minutes on two CPU cores."""
    recipes = [recipe(recipe_name, task, "mnist5k") for task in IN_WORDS]
    print("A classifier learns the 4,000 training digits, to read the restored ones ...", flush=True)
    classifier, test = train_classifier(load("mnist5k", "train")), load("mnist5k", "test")
    accuracy = (classifier(to_float(test.pixels)).argmax(1) == test.labels).float().mean()
    pictures = {}
    for chosen in recipes:
        print(f"\nRestoring digits from {IN_WORDS[chosen.task]}: training", flush=True)
        folder = Path(runs, f"{recipe_name}-{chosen.task}-mnist5k")
        pictures[folder] = np.asarray(run_task(chosen, folder, classifier))
    picture, text, scores = Path(runs, "restored.png"), Path(runs, "table.md"), table(*pictures)
    Image.fromarray(np.hstack([*pictures.values()])).save(picture)
    text.write_text(markdown(scores) + "\n")
    print(f"\n1,000 digits that no network was trained on "
          f"(the classifier reads {accuracy:.1%} of the originals):\n\n{plain(scores)}\n\n"
          f"wrote {picture} and {text}\n"
          "next: .venv/bin/python -m colddiff_nb restore, or make lab and open 00_start_here.ipynb")
