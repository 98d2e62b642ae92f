"""How time is taken, and what was found: a number, its unit, and the goal it is held against.

Works take turns, A, B, A, B, ..., so that a machine that is busy for a while delays all alike.
"""
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from colddiff_nb.storage import runtime

RESULTS = Path(__file__).resolve().parents[1] / "results"
HERE = runtime.device()
GPU = HERE.type == "cuda"
Finding = dict[str, Any]
Found = Iterator[tuple[str, Finding]]
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


def in_turns(works: Mapping[Any, Callable[[], object]], rounds: int) -> pd.DataFrame:
    """Seconds of each work, a row for every round, after one round that is not counted."""
    times = [{name: seconds_of(work) for name, work in works.items()} for _ in range(rounds + 1)]
    return pd.DataFrame(times[1:])


def ratio(times: pd.DataFrame, over: str, under: str) -> float:
    """Median of the ratios within each round."""
    return (times[over] / times[under]).median()


def slower(one: Callable[[], object], other: Callable[[], object], rounds: int) -> float:
    """How many times as long one takes as the other."""
    return ratio(in_turns({"one": one, "other": other}, rounds), "one", "other")


def finding(value: float, unit: str = "times", least: float | None = None,
            most: float | None = None) -> Finding:
    """What is recorded of a value, with the goal it should at least, or at most, be. unit: of WRITTEN."""
    value = float(value)
    found: Finding = {"value": float(f"{value:.4g}"), "unit": unit}
    if least is not None:
        found |= {"goal": f"at least {WRITTEN[unit].format(least)}", "met": value >= least}
    if most is not None:
        found |= {"goal": f"at most {WRITTEN[unit].format(most)}", "met": value <= most}
    return found


def row(what: str, found: Finding) -> str:
    goal = f"{found['goal']}: {'met' if found['met'] else '**missed**'}" if "goal" in found else ""
    return f"| {what} | {WRITTEN[found['unit']].format(found['value'])} | {goal} |"


def machine() -> Finding:
    """What the numbers of a run depend on."""
    processor = torch.cuda.get_device_name() if GPU else torch.backends.cpu.get_cpu_capability()
    return {"device": HERE.type, "processor": processor, "architecture": platform.machine(),
            "cores": os.cpu_count(), "threads": torch.get_num_threads(), "bfloat16": runtime.has_bf16(HERE),
            "torch": torch.__version__, "python": platform.python_version()}


def tables(results: Path) -> str:
    """The ratios of every device that was measured: seconds say more about the machine than the code."""
    parts = []
    for path in sorted(results.glob("bench-c*.json")):
        machine, answers = json.loads(path.read_text()).values()
        load = max(answer["load_average"][0] or 0 for name, answer in answers.items() if name != "precision")
        rows = [row(what, found) for answer in answers.values() for what, found in answer["found"].items()
                if found["unit"] != "seconds"]
        parts.append(f"On {machine['processor']}, {machine['threads']} threads, torch {machine['torch']}; "
                     f"load average before it at most {load}:\n\n| measured | | goal |\n|---|---|---|\n"
                     + "\n".join(rows))
    return "\n\n".join(parts) or "Not measured yet."
