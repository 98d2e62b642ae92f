"""A restoration as a picture and as a film: what was given, and three ways back from it, step by step."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor

from colddiff_nb.metrics import rmse
from colddiff_nb.notebook.pictures import grid

NAMES = {"direct": "direct", "algorithm1": "Algorithm 1", "algorithm2": "Algorithm 2"}
HARM = {"deblur": "blur", "superres": "pixelation", "inpaint": "masks"}
SIDE, FRAMES = 160, 25  # pixels of a picture; about how many frames a film has


def film(given: Mapping[str, Tensor], ways: Mapping[str, Sequence[Tensor]], title: str, x0: Tensor | None,
         side: int = SIDE) -> list[Image.Image]:
    """Paint what was given beside the states of each way, at most every step; the last is the result.

    Args:
        given: images (n, C, S, S) in [-1, 1] by their label; S may differ.
        ways: x_T, ..., x_0 of each method, (n, C, size, size) each.
        x0: the originals, for a line of RMSE below the pictures.
        side: pixels that a picture is wide, or a little less.
    """
    steps = max(len(states) for states in ways.values()) - 1
    frames = []
    for k in [*range(0, steps, max(1, steps // FRAMES)), steps]:
        now = {NAMES[way]: states[min(k, len(states) - 1)] for way, states in ways.items()}
        columns = dict(given) | now
        notes = [_score(x, x0) for x in columns.values()] if x0 is not None else []
        shown = {label: enlarged(x, side) for label, x in columns.items()}
        frames.append(grid(shown, 1, title=title + f": {k} of {steps} steps" * (k < steps), notes=notes))
    return frames


def _score(x: Tensor, x0: Tensor) -> str:
    """The RMSE of a column; nothing below the originals themselves."""
    compared = x.shape == x0.shape and not torch.equal(x, x0)
    return f"RMSE {rmse(x, x0):.3f}" if compared else ""


def enlarged(x: Tensor, side: int) -> Tensor:
    """Repeat each pixel of images (n, C, S, S), as often as fits into `side`; all in colour."""
    times = max(1, side // x.shape[-1])
    return x.expand(-1, 3, -1, -1).repeat_interleave(times, -1).repeat_interleave(times, -2)
