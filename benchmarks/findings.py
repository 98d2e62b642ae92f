"""What was found: a number, what it is, and the goal it is held against."""
from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from colddiff_nb.storage import runtime

from .clock import HERE, ratio

Finding = dict[str, Any]
WRITTEN = {"times": "{:.3g} x", "share": "{:.1%}", "change": "{:+.1%}", "seconds": "{:.3f} s",
           "GFLOP": "{:.3g} GFLOP",
           "images/s": "{:,.0f} images/s"}


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


def written(found: Finding) -> str:
    return WRITTEN[found["unit"]].format(found["value"])


def machine() -> dict[str, Any]:
    """What the numbers of a run depend on."""
    of_cpu = torch.backends.cpu.get_cpu_capability
    processor = torch.cuda.get_device_name() if HERE.type == "cuda" else of_cpu()
    return {"device": HERE.type, "processor": processor, "architecture": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(), "bfloat16": runtime.has_bf16(HERE),
            "torch": torch.__version__,
            "python": platform.python_version()}


def tables(results: Path) -> str:
    """The ratios of every device that was measured: seconds say more about the machine than the code."""
    parts = []
    for path in sorted(results.glob("bench-c*.json")):
        bench = json.loads(path.read_text())
        machine, answers = bench["machine"], bench["answers"]
        loads = (answer["load_average"][0]
                 for name, answer in answers.items() if name != "precision")  # which is no time
        lines = [f"On {machine['processor']}, {machine['threads']} threads, torch {machine['torch']}; load "
                 "average before it "
                 f"at most {max(loads)}:", "", "| measured | | goal |", "|---|---|---|"]
        for what, found in (item for answer in answers.values() for item in answer["found"].items()):
            if found["unit"] != "seconds":
                verdict = "met" if found.get("met") else "**missed**"
                goal = f"{found['goal']}: {verdict}" if "goal" in found else ""
                lines.append(f"| {what} | {written(found)} | {goal} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) or "Not measured yet."
