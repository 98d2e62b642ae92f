"""How time is taken: the works in turns, A, B, A, B, ..., and medians over the rounds, so that a machine that
is busy for a while delays all alike."""
from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from colddiff_nb.storage import runtime

HERE = runtime.device()


def now() -> float:
    """Seconds, read when the device has done all it was given."""
    if HERE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds_of(work: Callable[[], object]) -> float:
    began = now()
    work()
    return now() - began


def in_turns(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each work in every round, after one round that is not counted."""
    times = [{name: seconds_of(work) for name, work in works.items()} for _ in range(rounds + 1)][1:]
    return {name: [time[name] for time in times] for name in works}


def ratio(over: list[float], under: list[float]) -> float:
    """Median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(over, under))
