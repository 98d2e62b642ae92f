"""How many images are done: a bar where somebody looks, plain lines in logs."""
from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

Log = Callable[[str], object]
EVERY = 10.0  # seconds between plain lines


def progress_bar(said: str, total: int, log: Log, done: int = 0) -> tuple[Any, Log]:
    """Return a tqdm bar of `total` images that begins with `said`, and what logs lines above it.

    Notebooks and terminals draw the bar if `log` is print; else it writes plain lines to `log`.
    """
    from tqdm import auto, std

    in_notebook = any("notebook" in kind.__module__ for kind in auto.tqdm.__mro__)
    looked_at = log is print and (in_notebook or sys.stderr.isatty())
    lines = SimpleNamespace(write=lambda text: text.strip() and log(text.strip()), flush=lambda: None)
    in_log: dict[str, Any] = {"file": lines, "mininterval": EVERY, "delay": EVERY}
    bar = (auto if looked_at else std).tqdm(
        desc=said, total=total, initial=done, miniters=1, unit=" images", unit_scale=True, leave=False,
        bar_format="{desc}" + looked_at * "|{bar}| " + "{rate_fmt}  {remaining} left",
        **({} if looked_at else in_log))
    return bar, bar.write if looked_at else log
