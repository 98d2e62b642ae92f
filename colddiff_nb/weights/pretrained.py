"""Trained models ready to use: the shipped weights in files/, or any weights file a training wrote."""
from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from colddiff_nb.data.names import data_set
from colddiff_nb.degradations import TASKS, Degradation
from colddiff_nb.metrics.classifier import Classifier, load_classifier
from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.storage.files import usable
from colddiff_nb.training.recipes import Recipe

SHIPPED = Path(__file__).resolve().parent / "files"
SAME_IMAGES = {"mnist5k": "mnist", "photos": "cifar10"}  # offline sets, and what set's weights restore them

Model = tuple[nn.Module, Degradation, dict[str, Any]]


def shipped_models() -> list[str]:
    """Return the names of the shipped models, such as "superres-mnist"."""
    return sorted(path.stem for path in SHIPPED.iterdir() if path.stem.startswith(TASKS))


def weights_file(name: str | Path) -> Path:
    """Return the file of a shipped model by its name; others are paths already, which end in a suffix."""
    path = Path(name)
    if str(name) in shipped_models():
        return SHIPPED / f"{name}.safetensors"
    if not path.suffix and not path.exists():
        raise FileNotFoundError(f"no weights {name} are shipped: choose one of "
                                f"{', '.join(shipped_models())}, or train: python -m colddiff_nb train small")
    return path


def load_model(path: str | Path) -> Model:
    """Load a weights file, or a shipped model by its name: (network in eval mode, its D, metadata).

    metadata: recipe, data (the training images' provenance), images_seen, checksum and more.

    Raises:
        FileNotFoundError, CheckpointError: there is no file, or it is damaged or foreign.
    """
    path = weights_file(path)
    weights, metadata = load_weights(path)
    with usable(path):
        recipe = Recipe.from_dict(metadata["recipe"])
        degrade = recipe.degradation()
        network = recipe.build(degrade)
        network.load_state_dict(weights)
    return network.eval().requires_grad_(False), degrade, metadata | {"recipe": asdict(recipe)}


def pretrained_file(task: str, dataset: str, made_for: str = "float32") -> Path:
    """Return where a shipped model is, or would be: see `load_pretrained`."""
    dataset = data_set(dataset)
    pair = f"{task}-{SAME_IMAGES.get(dataset, dataset)}"
    special = SHIPPED / f"{pair}-{made_for}.safetensors"
    one_for_both = made_for in ("float32", "8bit") and not special.is_file()
    return SHIPPED / f"{pair}.safetensors" if one_for_both else special


def load_pretrained(task: str, dataset: str, made_for: str = "float32") -> Model:
    """Load the shipped model of a task and a data set.

    Args:
        dataset: "mnist5k" takes MNIST's model, "photos" CIFAR-10's.
        made_for: x_T in "float32" or "8bit" (only deblurring has a model for each), or "realism": trained
            beside a critic to look real; for blur from float32 only.

    Raises:
        FileNotFoundError: none is shipped; it names what is there.
    """
    return load_model(pretrained_file(task, dataset, made_for).stem)


def shipped_classifier(dataset: str) -> Classifier:
    """Return the classifier of "mnist" or "cifar10" that published scores rest on, in eval mode."""
    return load_classifier(SHIPPED / f"classifier-{dataset}.safetensors")
