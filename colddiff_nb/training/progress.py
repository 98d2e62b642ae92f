"""Who is told how far a training is: a bar, a log, and a tracker of experiments."""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from colddiff_nb.training.run import Run

if TYPE_CHECKING:
    from accelerate import Accelerator

EVERY = 10.0  # seconds between plain lines
LINE = "{desc}{rate_fmt}  {remaining} left"


@contextmanager
def progress(run: Run) -> Iterator[Callable[[], None]]:
    """Give a function that shows step, mean loss, images per second and the time left of a run.

    It draws a bar in notebooks and terminals, and writes plain lines in logs.
    """
    from tqdm import auto, std

    images = run.recipe.images_per_step
    options: dict[str, Any] = {
        "total": run.recipe.images_seen, "initial": run.step * images, "miniters": 1,
        "unit": " images", "unit_scale": True, "leave": False}
    in_notebook = any("notebook" in kind.__module__ for kind in auto.tqdm.__mro__)
    if run.log is print and (in_notebook or sys.stderr.isatty()):
        bar = auto.tqdm(**options, bar_format=LINE.replace("}", "}|{bar}| ", 1))
        run.log = bar.write  # lines go above the bar
    else:
        log = run.log
        lines = SimpleNamespace(write=lambda text: text.strip() and log(text.strip()), flush=lambda: None)
        bar = std.tqdm(**options, file=lines, mininterval=EVERY, delay=EVERY,
                       bar_format=LINE)

    def show() -> None:
        said = f"{run.recipe.label}  step {run.step}/{run.recipe.steps}  loss {run.mean_loss:.4f}"
        bar.set_description(said, refresh=False)
        bar.update(run.step * images - bar.n)

    with bar:
        yield show


def check_tracker(name: str | None) -> None:
    """Raise ValueError for a tracker that Accelerate does not know or that is not installed."""
    from accelerate.tracking import get_available_trackers

    found = [str(kind) for kind in get_available_trackers()]
    if name not in (None, *found):
        raise ValueError(f"tracker {name!r} is not installed or not known to Accelerate: install it, "
                         f"or choose from those that are there: {', '.join(found) or 'none'}")


@contextmanager
def tracking(accelerator: Accelerator, run: Run,
             settings: dict[str, Any]) -> Iterator[Callable[[dict[str, float]], None]]:
    """Give a function that sends a row {"step": ..., "loss": ...} to the accelerator's tracker, if any.

    All rows are in curve.csv: if the tracker fails, the run's log names that, and training goes on.

    Args:
        settings: what is shown beside the run, which is named after its folder.
    """
    plain = {name: value if isinstance(value, bool | int | float) else str(value)
             for name, value in settings.items()}
    if accelerator.log_with:
        name = {"name": run.folder.name}
        accelerator.init_trackers("colddiff", plain, {"wandb": name, "trackio": name})

    def send(row: dict[str, float]) -> None:
        try:
            scores = {name: value for name, value in row.items() if name != "step"}
            accelerator.log(scores, step=int(row["step"]))
        except Exception as error:  # a tracker may fail in any way, mostly for the network's sake
            run.log(f"the tracker did not take step {row['step']:.0f}, training goes on: "
                    f"{type(error).__name__}: {error}")

    try:
        yield send
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()
