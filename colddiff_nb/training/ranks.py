"""Several processes that train as one.

They start from the same and stop together, and no setting of accelerate's changes what they do.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

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


@contextmanager
def together() -> Iterator[None]:
    """Wait at the end for all processes; if one failed inside, all stop with its one line."""
    from accelerate import PartialState
    from accelerate.utils import gather_object

    if PartialState().num_processes == 1:
        yield
        return
    failure = None
    try:
        yield
    except Exception as error:
        failure = error
    lines = gather_object([failure and " ".join(f"{type(failure).__name__}: {failure}".split())])
    if failure:
        raise failure
    for rank, line in enumerate(lines):
        if line:
            raise OSError(f"process {rank} failed, so all stop: {line}")


def in_turn(accelerator: Accelerator, load: Callable[[], Loaded]) -> Loaded:
    """Load in every process: first in one, which may download.

    Then in one of each other machine, then in the rest."""
    turn = 0 if accelerator.is_main_process else 1 if accelerator.is_local_main_process else 2
    for now in range(3):
        with together():
            if now == turn:
                loaded = load()
    return loaded


def check_same(mine: dict[str, Any]) -> None:
    """Raise ValueError in all processes if one is about to train something else."""
    from accelerate.utils import gather_object

    first, *others = gather_object([mine])
    for rank, theirs in enumerate(others, start=1):
        if differing := differences(first, theirs):
            raise ValueError(f"process {rank} differs from process 0 ({differing}): give all the same command, the same data, "
                             f"and a run folder that all of them see")
