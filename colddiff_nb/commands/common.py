"""What several commands share: checks of numbers, and the images that weights are made for."""
from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colddiff_nb.data.names import channels

if TYPE_CHECKING:
    from torch import nn

    from colddiff_nb.data.loading import Images
    from colddiff_nb.degradations.contract import Degradation


def _program() -> str:
    """How this command line is called from here."""
    python = Path(sys.executable)
    if Path(sys.argv[0]).stem == "colddiff":
        return "colddiff"
    inside = python.is_relative_to(Path.cwd())
    return f"{python.relative_to(Path.cwd()) if inside else 'python'} -m colddiff_nb"


PROGRAM = _program()


def what_is_next(*words: str | Path, **options: str | Path | None) -> str:
    """Return a line with a command that can be copied, with those of the options that are not None."""
    given = [word for name, value in options.items() if value for word in (f"--{name}", value)]
    return f"next: {PROGRAM} {shlex.join(map(str, [*words, *given]))}"


def say(*lines: str) -> None:
    """Print lines, in one process of those that train together."""
    if os.environ.get("RANK", "0") == "0":
        print(*lines, sep="\n", flush=True)


def at_least_1(**numbers: int | None) -> None:
    """Raise ValueError for a number below 1."""
    for name, value in numbers.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} = {value}: it must be at least 1")


def images_for(metadata: dict[str, Any], weights: Path | str, dataset: str | None, split: str,
               data: Path | None, size: int) -> Images:
    """Load the images to restore; raise ValueError first for weights of another colour."""
    from colddiff_nb.data.loading import load
    trained_on = metadata["recipe"]["dataset"]
    dataset = dataset or trained_on
    if channels(dataset) != channels(trained_on):
        grey = channels(trained_on) == 1
        theirs, other, mend = ("grey", "in colour", "mnist5k") if grey else ("colour", "grey", "photos")
        raise ValueError(f"{weights} restores {theirs} images, and {dataset} is {other}: "
                         f"choose a {theirs} data set, such as {mend}")
    return load(dataset, split, data, size)


def check_severity(name: str, value: int | None, T: int) -> None:
    """Raise ValueError for a severity that weights were not trained for."""
    if value is not None and not 1 <= value <= T:
        raise ValueError(f"{name} = {value}: these weights were trained for severities 1..{T}")


def changed(degrade: Degradation, network: nn.Module, **options: Any) -> Degradation:
    """Return the degradation of weights with other options; None leaves one as it is.

    Raises:
        ValueError: the weights do not know that size, or the options cannot be.
    """
    from colddiff_nb.degradations import make
    chosen = {name: value for name, value in options.items() if value is not None}
    size = chosen.get("size", degrade.size)
    if size not in range(16, 129, 8):  # SSIM has windows of 11 x 11
        raise ValueError(f"size = {size}: it must be a multiple of 8, from 16 to 128")
    if getattr(network, "only_size", None) not in (None, size):
        raise ValueError(f"size = {size}: these weights restore {degrade.size} x {degrade.size} images; "
                         "leave it out, or train others with that size")
    return make(**degrade.options | chosen)
