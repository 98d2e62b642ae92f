"""The rows of the curve, sent to a tracker of experiments."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from colddiff_nb.training.run import Run

if TYPE_CHECKING:
    from accelerate import Accelerator


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
