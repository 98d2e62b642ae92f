"""A restoration as a film: what was given, and ways back from it, step by step."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor

from colddiff_nb.metrics import rmse
from colddiff_nb.notebook.pictures import grid

FRAMES = 25  # about how many a film has


def film(given: Mapping[str, Tensor], ways: Mapping[str, Sequence[Tensor]], title: str, x0: Tensor | None,
         side: int) -> list[Image.Image]:
    """Paint what was given beside the states of each way; the last frame is the result.

    Args:
        given: images (n, C, S, S) in [-1, 1] by their label; S may differ.
        ways: x_T, ..., x_0 of each method by its label, (n, C, size, size) each.
        x0: the originals, for a line of RMSE below the pictures.
        side: pixels that a picture is wide, or a little less.
    """
    steps = max(map(len, ways.values())) - 1
    frames = []
    for k in [*range(0, steps, max(1, steps // FRAMES)), steps]:
        columns = {**given, **{way: states[:k + 1][-1] for way, states in ways.items()}}
        notes = ["" if x0 is None or x.shape != x0.shape or torch.equal(x, x0) else f"RMSE {rmse(x, x0):.3f}"
                 for x in columns.values()]
        shown = {label: enlarged(x, side) for label, x in columns.items()}
        frames.append(grid(shown, 1, title=title + f": {k} of {steps} steps" * (k < steps), notes=notes))
    return frames


def enlarged(x: Tensor, side: int) -> Tensor:
    """Repeat each pixel of images (n, C, S, S), as often as fits into `side`; all in colour."""
    times = max(1, side // x.shape[-1])
    return x.expand(-1, 3, -1, -1).repeat_interleave(times, -1).repeat_interleave(times, -2)
