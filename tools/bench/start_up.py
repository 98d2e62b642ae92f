"""What importing the package adds to importing torch."""
from __future__ import annotations

import statistics
import subprocess
import sys

from .clock import in_turns
from .findings import Finding, finding

MODULES = "colddiff_nb.degradations, colddiff_nb.networks, colddiff_nb.sampling, colddiff_nb.training, colddiff_nb.pretrained"


def measure() -> dict[str, Finding]:
    def process(program: str) -> None:
        subprocess.run([sys.executable, "-c", program], check=True)
    times = in_turns({"torch": lambda: process("import torch"), "package": lambda: process(f"import torch, {MODULES}")}, rounds=5)
    added = statistics.median(b - a for a, b in zip(times["torch"], times["package"]))
    return {"importing the package beyond torch": finding(added, "seconds", most=0.2),
            "importing the package beyond torch, of the time to import torch": finding(added / statistics.median(times["torch"]), "share")}
