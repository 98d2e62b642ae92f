"""How far a training is: a bar in notebooks and terminals, plain lines in logs."""
from __future__ import annotations

import sys
from collections.abc import Callable

from colddiff_nb.training.run import Run

EVERY = 10.0  # seconds between plain lines


class Lines:
    """A file that logs each thing written to it as a plain line."""

    def __init__(self, log: Callable[[str], object]):
        self.log = log

    def write(self, text: str) -> None:
        """Log the text, unless it is blank."""
        if line := text.strip():
            self.log(line)

    def flush(self) -> None:
        """Do nothing: each line is out already."""


class Progress:
    """Shows step, mean loss, images per second and the time left of a run."""

    def __init__(self, run: Run):
        from tqdm import auto, std

        in_notebook = any("notebook" in kind.__module__ for kind in auto.tqdm.__mro__)
        self.run, self.images = run, run.recipe.images_per_step
        options = {"total": run.recipe.images_seen, "initial": run.step * self.images, "miniters": 1,
                   "unit": " images", "unit_scale": True, "leave": False}
        if run.log is print and (in_notebook or sys.stderr.isatty()):
            self.bar = auto.tqdm(**options)
            run.log = self.bar.write  # lines go above the bar
        else:
            lines = {"file": Lines(run.log), "mininterval": EVERY, "delay": EVERY,
                     "bar_format": "{desc}{rate_fmt}  {remaining} left"}
            self.bar = std.tqdm(**options | lines)

    def show(self) -> None:
        """Show where the run is now."""
        run = self.run
        said = f"step {run.step}/{run.recipe.steps}  loss {run.mean_loss:.4f}"
        self.bar.set_description(said, refresh=False)
        self.bar.update(run.step * self.images - self.bar.n)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()
