"""What was found: a number, what it is, and the goal it is held against."""
from __future__ import annotations

import os
import platform
from typing import Any

import torch

from colddiff_nb.storage import runtime

from .clock import HERE

Finding = dict[str, Any]
WRITTEN = {"times": "{:.3g} x", "share": "{:.1%}", "change": "{:+.1%}", "seconds": "{:.3f} s", "GFLOP": "{:.3g} GFLOP",
           "images/s": "{:,.0f} images/s"}


def finding(value: float, unit: str, least: float | None = None, most: float | None = None) -> Finding:
    """A measured value, and whether it is at least, or at most, what was aimed at. unit: a key of WRITTEN."""
    found: Finding = {"value": float(f"{value:.4g}"), "unit": unit}
    if least is not None:
        found |= {"goal": f"at least {WRITTEN[unit].format(least)}", "met": value >= least}
    if most is not None:
        found |= {"goal": f"at most {WRITTEN[unit].format(most)}", "met": value <= most}
    return found


def written(found: Finding) -> str:
    return WRITTEN[found["unit"]].format(found["value"])


def machine() -> dict[str, Any]:
    """What the numbers of a run depend on."""
    processor = torch.cuda.get_device_name() if HERE.type == "cuda" else torch.backends.cpu.get_cpu_capability()
    return {"device": HERE.type, "processor": processor, "architecture": platform.machine(), "cores": os.cpu_count(),
            "threads": torch.get_num_threads(), "bfloat16": runtime.has_bf16(HERE), "torch": torch.__version__,
            "python": platform.python_version()}
