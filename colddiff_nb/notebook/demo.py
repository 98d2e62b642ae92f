"""What `make run` does: three quick trainings on real digits, scored on digits they have not seen, as a table and a picture."""
from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from colddiff_nb.data.loading import load
from colddiff_nb.data.pixels import to_float
from colddiff_nb.degradations.contract import Degradation
from colddiff_nb.degradations.tasks import measure
from colddiff_nb.metrics.classifier import Classifier, train_classifier
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.sampling import SAMPLERS
from colddiff_nb.training.recipes import Recipe, recipe
from colddiff_nb.weights.pretrained import load_model

TITLES = {"deblur": "blur", "superres": "pixelation", "inpaint": "masks"}


def restorations(network: nn.Module, degrade: Degradation, pixels: Tensor, measurement_precision: str = "float32",
                 seed: int = 0) -> dict[str, Tensor]:
    """uint8 images (n, C, H, W) degraded and restored in all three ways, under the labels of a picture's columns."""
    x0 = to_float(pixels)
    drawn = degrade.draw(len(x0), torch.Generator().manual_seed(seed))
    x_T = measure(drawn(x0, degrade.T), measurement_precision)
    restored = {name: sampler(network, drawn, x_T) for name, sampler in SAMPLERS.items()}
    return {"degraded": x_T, "direct": restored["direct"], "Algorithm 1": restored["algorithm1"], "Algorithm 2": restored["algorithm2"],
            "original": x0}


def run_task(task_recipe: Recipe, folder: Path, classifier: Classifier, data_root: str | Path = "data") -> Image.Image:
    """Train (or resume), score on the test split, and return a picture of six restorations."""
    from colddiff_nb.evaluation import evaluate
    from colddiff_nb.training.loop import train
    from colddiff_nb.training.validation import validation_scores

    train(task_recipe, folder, data_root=data_root, on_evaluate=validation_scores(task_recipe, data_root))
    network, degrade, metadata = load_model(folder / "weights.safetensors")
    test = load(task_recipe.dataset, "test", data_root)
    evaluate(network, degrade, test, folder, trained_on=metadata["data"], weights=metadata["checksum"], classifier=classifier)
    return grid(restorations(network, degrade, test.pixels[:6]), scale=2, title=f"Restored from {TITLES[task_recipe.task]}")


def beside(pictures: list[Image.Image]) -> Image.Image:
    page = Image.new("RGB", (sum(picture.width for picture in pictures), max(picture.height for picture in pictures)), "white")
    left = 0
    for picture in pictures:
        page.paste(picture, (left, 0))
        left += picture.width
    return page


def main(runs: str | Path = "runs", recipe_name: str = "quick") -> None:
    """Deblurring (T = 20), super-resolution and inpainting of the offline digits; some five minutes on two CPU cores."""
    from colddiff_nb.evaluation import markdown, table

    tasks = {"superres": None, "inpaint": None, "deblur": 20}
    recipes = [recipe(recipe_name, task, "mnist5k", T=T) for task, T in tasks.items()]
    train_digits, test_digits = load("mnist5k", "train"), load("mnist5k", "test")
    print("A classifier learns the 4,000 training digits, to read the restored ones ...", flush=True)
    classifier = train_classifier(train_digits)
    folders, pictures = [], []
    for chosen in recipes:
        print(f"\nRestoring digits from {TITLES[chosen.task]}: training", flush=True)
        folders.append(Path(runs, f"{recipe_name}-{chosen.task}-mnist5k"))
        pictures.append(run_task(chosen, folders[-1], classifier))
    beside(pictures).save(Path(runs, "restored.png"))
    accuracy = (classifier(to_float(test_digits.pixels)).argmax(1) == test_digits.labels).float().mean()
    Path(runs, "table.md").write_text(markdown(table(folders)) + "\n")
    print(f"\n1,000 digits that no network was trained on (the classifier reads {accuracy:.1%} of the originals):\n")
    print(Path(runs, "table.md").read_text())
    print(f"Pictures:  {Path(runs, 'restored.png')}\nNotebooks: make lab, then open 00_start_here.ipynb")
