"""What of Algorithm 2's time is not the network's."""
from __future__ import annotations

import statistics

import torch
from torch import Tensor

from colddiff_nb.sampling import algorithm2
from colddiff_nb.training import recipe

from .clock import HERE, now
from .findings import Finding, finding


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
    inside = 0.0

    def restore(x_s: Tensor, s: Tensor, start: Tensor) -> Tensor:
        nonlocal inside
        began = now()
        x0_hat = network(x_s, s, start)
        inside += now() - began
        return x0_hat
    shares = []
    for _ in range(rounds + 1):
        inside, began = 0.0, now()
        algorithm2(restore, drawn, x_T)
        shares.append(1 - inside / (now() - began))
    return statistics.median(shares[1:])
