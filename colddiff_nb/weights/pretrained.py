"""Trained models ready to use: the shipped weights in results/, or any weights file a training wrote."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from colddiff_nb.data.names import data_set
from colddiff_nb.degradations.contract import Degradation
from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.storage.files import usable
from colddiff_nb.training.recipes import Recipe

RESULTS = Path(__file__).resolve().parents[2] / "results"
SAME_IMAGES = {"mnist5k": "mnist", "photos": "cifar10"}  # offline sets, and what set's weights restore them

Model = tuple[nn.Module, Degradation, dict[str, Any]]


def load_model(path: str | Path) -> Model:
    """Load a weights file that a training wrote: (network in eval mode, its degradation, metadata).

    metadata: recipe, data (the training images' provenance), images_seen, checksum and more.

    Raises:
        FileNotFoundError: there is no file.
        CheckpointError: the file is damaged or foreign.
    """
    weights, metadata = load_weights(path)
    with usable(path):
        recipe = Recipe.from_dict(metadata["recipe"])
        degrade = recipe.degradation(metadata["size"])
        network = recipe.build(degrade)
        network.load_state_dict(weights)
    return network.eval().requires_grad_(False), degrade, metadata


def pretrained_folder(task: str, dataset: str, measurement_precision: str = "float32") -> Path:
    """Return the folder in results/ of a model: for 8 bits one made for them, or the only one there is."""
    dataset = data_set(dataset)
    pair = RESULTS / f"{task}-{SAME_IMAGES.get(dataset, dataset)}"
    special = pair.with_name(f"{pair.name}-{measurement_precision}")
    if measurement_precision == "8bit" and special.is_dir():
        return special
    return pair if measurement_precision in ("float32", "8bit") else special


def load_pretrained(task: str, dataset: str, measurement_precision: str = "float32") -> Model:
    """Load the shipped model of a task and a data set, its checksum verified.

    Args:
        dataset: "mnist5k" takes MNIST's model, "photos" CIFAR-10's.
        measurement_precision: "8bit" for an x_T rounded to 8 bits: deblurring has a model made for them, the
            other tasks one for both.

    Raises:
        FileNotFoundError: none is shipped; it names what is there.
    """
    path = pretrained_folder(task, dataset, measurement_precision) / "weights.safetensors"
    if not path.is_file():
        shipped = sorted(found.parent.name for found in RESULTS.glob("*/weights.safetensors"))
        wanted = f"{task}, {dataset}, {measurement_precision} ({path.parent.name})"
        raise FileNotFoundError(f"no weights are shipped for {wanted}: "
                                f"choose one of {', '.join(shipped) or 'none'}, "
                                "or train: python -m colddiff_nb train small")
    return load_model(path)
