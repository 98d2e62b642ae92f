"""What of Algorithm 2's time is not the network's, and what importing the package adds to importing torch."""
import statistics
import subprocess
import sys

import torch
from torch import Tensor

from colddiff_nb import algorithm2, recipe

from .findings import HERE, Finding, finding, now

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
    return {f"share of Algorithm 2 outside the small network, batch 64, T = 50, {task} {dataset}":
            finding(share_outside(task, dataset), "share", most=0.05)
            for task, dataset in (("inpaint", "mnist"), ("deblur", "cifar10"))}


def share_outside(task: str, dataset: str, rounds: int = 5) -> float:
    choice = recipe("small", task, dataset)
    degrade = choice.degradation().to(HERE)
    network = choice.build(degrade).to(HERE).eval()
    drawn = degrade.draw(64, torch.Generator().manual_seed(0))
    x_T = drawn(torch.rand(64, 1 if dataset == "mnist" else 3, 32, 32, device=HERE) * 2 - 1, degrade.T)
    inside: list[float] = []

    def restore(x_s: Tensor, s: Tensor, start: Tensor) -> Tensor:
        began = now()
        x0_hat = network(x_s, s, start)
        inside.append(now() - began)
        return x0_hat
    shares = []
    for _ in range(rounds + 1):
        inside.clear()
        began = now()
        algorithm2(restore, drawn, x_T)
        shares.append(1 - sum(inside) / (now() - began))
    return statistics.median(shares[1:])


def start_up() -> dict[str, Finding]:
    """Both imports timed within one process, in five processes after one that fills the disk cache."""
    printed = [subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True,
                              text=True).stdout for _ in range(6)]
    torch_alone, added = (statistics.median(seconds)
                          for seconds in zip(*(map(float, line.split()) for line in printed[1:])))
    name = "importing the package beyond torch"
    return {name: finding(added, "seconds", most=0.2),
            f"{name}, of the time to import torch": finding(added / torch_alone, "share")}
