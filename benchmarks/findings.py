"""How time is taken, and what was found: a number, what it is, and the goal it is held against.

Works take turns, A, B, A, B, ..., and medians are over the rounds, so that a machine that is busy for a
while delays all alike.
"""
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from colddiff_nb.storage import runtime

HERE = runtime.device()
GPU = HERE.type == "cuda"
Finding = dict[str, Any]
WRITTEN = {"times": "{:.3g} x", "share": "{:.1%}", "change": "{:+.1%}", "seconds": "{:.3f} s",
           "GFLOP": "{:.3g} GFLOP", "images/s": "{:,.0f} images/s"}


def now() -> float:
    """Seconds, read when the device has done all it was given."""
    if GPU:
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


def finding(value: float, unit: str, least: float | None = None, most: float | None = None) -> Finding:
    """A measured value, and whether it is at least, or at most, what was aimed at. unit: a key of WRITTEN."""
    found: Finding = {"value": float(f"{value:.4g}"), "unit": unit}
    if least is not None:
        found |= {"goal": f"at least {WRITTEN[unit].format(least)}", "met": value >= least}
    if most is not None:
        found |= {"goal": f"at most {WRITTEN[unit].format(most)}", "met": value <= most}
    return found


def faster(times: dict[str, list[float]], slow: str, fast: str, **goal: float | None) -> Finding:
    """How many times less time one work took than another, in the same rounds."""
    return finding(ratio(times[slow], times[fast]), "times", **goal)


def row(what: str, found: Finding) -> str:
    goal = f"{found['goal']}: {'met' if found['met'] else '**missed**'}" if "goal" in found else ""
    return f"| {what} | {WRITTEN[found['unit']].format(found['value'])} | {goal} |"


def machine() -> dict[str, Any]:
    """What the numbers of a run depend on."""
    processor = torch.cuda.get_device_name() if GPU else torch.backends.cpu.get_cpu_capability()
    return {"device": HERE.type, "processor": processor, "architecture": platform.machine(),
            "cores": os.cpu_count(), "threads": torch.get_num_threads(), "bfloat16": runtime.has_bf16(HERE),
            "torch": torch.__version__, "python": platform.python_version()}


def tables(results: Path) -> str:
    """The ratios of every device that was measured: seconds say more about the machine than the code."""
    parts = []
    for path in sorted(results.glob("bench-c*.json")):
        bench = json.loads(path.read_text())
        machine, answers = bench["machine"], bench["answers"]
        loads = (answer["load_average"][0]
                 for name, answer in answers.items() if name != "precision")  # which is no time
        lines = [f"On {machine['processor']}, {machine['threads']} threads, torch {machine['torch']}; load "
                 f"average before it at most {max(loads)}:", "", "| measured | | goal |", "|---|---|---|"]
        lines += [row(what, found) for answer in answers.values()
                  for what, found in answer["found"].items() if found["unit"] != "seconds"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) or "Not measured yet."
