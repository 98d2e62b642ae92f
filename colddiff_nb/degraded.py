"""The rows of the paper's tables that need no network."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from colddiff_nb.data import channels, load
from colddiff_nb.degradations import make
from colddiff_nb.results import evaluate, table


def degraded_rows(root: str | Path = "data", names: Sequence[str] = ("mnist", "cifar10"), log: Callable[[str], object] = print) -> Any:
    """D(x0, T) of the full test splits, scored, as a `results.table`."""
    cells = []
    for name in names:
        images = load(name, "test", root)
        rows: list[tuple[str, dict]] = [("deblur", {}), ("superres", {}), ("superres", {"pooling": "bicubic"}), ("inpaint", {})]
        if channels(name) == 1:
            rows.insert(1, ("deblur", {"T": 20}))
        for task, options in rows:
            cells += evaluate(None, make(task, name, **options), images, methods=("degraded",), log=log)["cells"]
    return table([{"cells": cells}])
