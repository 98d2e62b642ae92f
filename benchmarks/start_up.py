"""What importing the package adds to importing torch."""
from __future__ import annotations

import statistics
import subprocess
import sys

from .findings import Finding, finding

PROGRAM = """
import time
began = time.perf_counter()
import torch
between = time.perf_counter()
from colddiff_nb import degradations, networks, sampling, training
from colddiff_nb.weights import pretrained
print(between - began, time.perf_counter() - between)
"""


def measure() -> dict[str, Finding]:
    """Both imports timed within one process, in five processes after one that fills the disk cache."""
    printed = [subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True,
                              text=True).stdout for _ in range(6)]
    torch_alone, added = (statistics.median(seconds)
                          for seconds in zip(*(map(float, line.split()) for line in printed[1:])))
    name = "importing the package beyond torch"
    return {name: finding(added, "seconds", most=0.2),
            f"{name}, of the time to import torch": finding(added / torch_alone, "share")}
