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


@contextmanager
def progress(run: Run) -> Iterator[Callable[[], None]]:
    """Give a function that shows step, mean loss, images per second and the time left of a run.

    It draws a bar in notebooks and terminals, and writes plain lines in logs.
    """
    from tqdm import auto, std

    log, images = run.log, run.recipe.images_per_step
    lines = SimpleNamespace(write=lambda text: text.strip() and log(text.strip()), flush=lambda: None)
    in_notebook = any("notebook" in kind.__module__ for kind in auto.tqdm.__mro__)
    looked_at = log is print and (in_notebook or sys.stderr.isatty())
    options: dict[str, Any] = {"file": lines, "mininterval": EVERY, "delay": EVERY}
    bar = (auto if looked_at else std).tqdm(
        total=run.recipe.images_seen, initial=run.step * images, miniters=1, unit=" images",
        unit_scale=True, leave=False, **({} if looked_at else options),
        bar_format="{desc}" + looked_at * "|{bar}| " + "{rate_fmt}  {remaining} left")
    if looked_at:
        run.log = bar.write  # lines go above the bar

    def show() -> None:
        said = f"{run.recipe.label}  step {run.step}/{run.recipe.steps}  loss {run.mean_loss:.4f}"
        bar.set_description(said, refresh=False)
        bar.update(run.step * images - bar.n)

    with bar:
        yield show


@contextmanager
def tracking(accelerator: Accelerator, run: Run,
             settings: dict[str, Any]) -> Iterator[Callable[[dict[str, float]], None]]:
    """Give a function that sends a row of the curve to the accelerator's tracker, if any.

    If the tracker fails, the run's log says so, and training goes on. `settings` are shown beside the run.
    """
    plain = {name: value if isinstance(value, bool | int | float) else str(value)
             for name, value in settings.items()}
    name = {"name": run.folder.name}
    accelerator.init_trackers("colddiff", plain, {"wandb": name, "trackio": name})

    def send(row: dict[str, float]) -> None:
        try:
            accelerator.log({name: row[name] for name in row if name != "step"}, step=int(row["step"]))
        except Exception as error:  # a tracker may fail in any way, mostly for the network's sake
            run.log(f"the tracker did not take step {row['step']:.0f}, training goes on: "
                    f"{type(error).__name__}: {error}")

    try:
        yield send
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()
