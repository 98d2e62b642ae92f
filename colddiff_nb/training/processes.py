"""Several processes that train as one, and the signals that ask them to stop."""
from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colddiff_nb.storage import runtime
from colddiff_nb.training.recipes import Recipe
from colddiff_nb.training.run import differences

if TYPE_CHECKING:
    from accelerate import Accelerator


def start(recipe: Recipe, folder: str | Path, tracker: str | None) -> Accelerator:
    """Return this process's Accelerator; ValueError for what so many processes cannot train."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    precision = runtime.mixed_precision(recipe.precision, recipe.network)
    AcceleratorState._reset_state()  # a second Accelerator of another precision in one process would raise
    # Settings of accelerate's would divide gradients, compile, or split the network.
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("ACCELERATE_")}
    try:
        accelerator = Accelerator(cpu=runtime.device().type == "cpu", mixed_precision=precision,
                                  log_with=tracker, project_dir=str(folder))
    finally:
        os.environ.update(hidden)
    if tracker and not accelerator.log_with:
        raise ValueError(f"tracker {tracker!r} is not installed")
    world = accelerator.num_processes
    if recipe.batch % world:
        raise ValueError(f"batch = {recipe.batch} cannot be shared by {world} processes: "
                         f"choose a multiple of {world}")
    if recipe.realism and world > 1:
        raise ValueError(f"realism = {recipe.realism}: a critic is trained by one process, not by {world}; "
                         "set realism = 0 or start one")
    return accelerator


def my_parts(accelerator: Accelerator, recipe: Recipe) -> list[slice]:
    """This process's part of each micro-batch, as slices of the global batch."""
    share = recipe.batch // accelerator.num_processes
    first = accelerator.process_index * share
    return [slice(k + first, k + first + share) for k in range(0, recipe.images_per_step, recipe.batch)]


def check_same(mine: dict[str, Any]) -> None:
    """Wait for all processes; ValueError in each of them if one is about to train something else."""
    from accelerate.utils import gather_object

    first, *others = gather_object([mine])
    for rank, theirs in enumerate(others, start=1):
        if differing := differences(first, theirs):
            raise ValueError(f"process {rank} differs from process 0 ({differing}): give all the same "
                             "command, the same data, and a run folder that all of them see")


@contextmanager
def interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C, SIGTERM and a stopped notebook cell for the training loop, which looks between steps.

    The first signal is only noted; a second one acts at once. Outside the main thread nothing is changed.
    """
    received: list[int] = []
    with ExitStack() as handlers:
        def note(number: int, frame: object) -> None:
            received.append(number)
            handlers.close()  # puts back those of before

        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                before = signal.signal(number, note)
                handlers.callback(signal.signal, number, before or signal.SIG_DFL)
        yield received
