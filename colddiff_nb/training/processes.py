"""Several processes that train as one, and the signals that ask them to stop.

They start from the same and stop together, and no setting of accelerate's changes what they do.
"""
from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from colddiff_nb.storage import runtime
from colddiff_nb.training.progress import check_tracker
from colddiff_nb.training.recipes import Recipe
from colddiff_nb.training.run import differences

if TYPE_CHECKING:
    from accelerate import Accelerator

Loaded = TypeVar("Loaded")


@contextmanager
def without_settings_of_accelerate() -> Iterator[None]:
    """Hide ACCELERATE_* inside: they would divide gradients, compile, or split the network."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("ACCELERATE_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


def start(recipe: Recipe, folder: str | Path, tracker: str | None) -> Accelerator:
    """Return this process's Accelerator; ValueError for what so many processes cannot train."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    check_tracker(tracker)
    AcceleratorState._reset_state()  # a second Accelerator of another precision in one process would raise
    precision = runtime.mixed_precision(recipe.precision, recipe.network)
    accelerator = Accelerator(cpu=runtime.device().type == "cpu", mixed_precision=precision,
                              log_with=tracker, project_dir=str(folder))
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


def any_process(accelerator: Accelerator, wish: bool) -> bool:
    """Whether one process wishes it; on a GPU this waits for the device."""
    return bool(accelerator.reduce(torch.tensor(float(wish), device=accelerator.device), "sum"))


@contextmanager
def together() -> Iterator[None]:
    """Wait at the end for all processes; if one failed inside, all stop with its one line."""
    from accelerate import PartialState
    from accelerate.utils import gather_object

    failure = None
    try:
        yield
    except Exception as error:
        if PartialState().num_processes == 1:
            raise
        failure = error
    lines = gather_object([failure and " ".join(f"{type(failure).__name__}: {failure}".split())])
    if failure:
        raise failure
    for rank, line in enumerate(lines):
        if line:
            raise OSError(f"process {rank} failed, so all stop: {line}")


def in_turn(accelerator: Accelerator, load: Callable[[], Loaded]) -> Loaded:
    """Load in one process of each machine, which may download, then in the rest."""
    for turn in (True, False):
        with together():
            if turn == accelerator.is_local_main_process:
                loaded = load()
    return loaded


def check_same(mine: dict[str, Any]) -> None:
    """Raise ValueError in all processes if one is about to train something else."""
    from accelerate.utils import gather_object

    first, *others = gather_object([mine])
    for rank, theirs in enumerate(others, start=1):
        if differing := differences(first, theirs):
            raise ValueError(f"process {rank} differs from process 0 ({differing}): give all the same "
                             "command, the same data, and a run folder that all of them see")


@contextmanager
def interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C, SIGTERM and a stopped notebook cell for the training loop, which looks between steps.

    The first signal is only noted; a second one acts at once. Handlers are put back on leaving. Outside the
    main thread nothing is changed.
    """
    received: list[int] = []
    before: dict[int, Any] = {}

    def put_back() -> None:
        while before:
            number, handler = before.popitem()
            signal.signal(number, handler or signal.SIG_DFL)

    def note(number: int, frame: object) -> None:
        received.append(number)
        put_back()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, note)
    try:
        yield received
    finally:
        put_back()
