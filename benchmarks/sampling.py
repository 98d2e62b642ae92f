"""What sampling costs beside the network: D(x0, t) as one product for any t, Algorithm 2, the imports."""
import subprocess
import sys
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from colddiff_nb import algorithm2, make, recipe

from .findings import HERE, Found, finding, slower
from .plain import SequentialBlur

PROGRAM = """
import time
began = time.perf_counter()
import torch
between = time.perf_counter()
from colddiff_nb import degradations, networks, sampling, training
from colddiff_nb.weights import pretrained
print(between - began, time.perf_counter() - between)
"""


def walk(D: Any, x_T: Tensor) -> Tensor:
    """Algorithm 2 around a restorer that changes nothing."""
    return algorithm2(lambda x_s, s, start: x_s, D, x_T)


def blur(data: str, T: int, channels: int) -> Found:
    """What the closed form saves, against t convolutions."""
    degrade: Any = make("deblur", data.lower().replace("-", ""), T=T).to(HERE)
    plain = SequentialBlur(channels).to(HERE)
    x0 = torch.rand(64, channels, 32, 32, device=HERE) * 2 - 1
    t, x_T = torch.randint(1, T + 1, (64,), device=HERE), degrade(x0, T)
    assert (degrade(x0, t) - plain(x0, t)).abs().max() < 1e-5, "closed form and convolutions differ"

    def in_float32() -> Tensor:  # faster, but blurred images hold details that it would round away
        A = degrade.matrices[t].unsqueeze(1).float()
        return A @ x0 @ A.mT
    name = f"{data}, T = {T}"
    yield (f"blur of a training batch of 64, faster than t convolutions, {name}",
           finding(slower(lambda: plain(x0, t), lambda: degrade(x0, t), 10), least=100))
    yield (f"blur of such a batch, of its time if float32 products were exact enough, {name}",
           finding(slower(in_float32, lambda: degrade(x0, t), 10), "share"))
    yield (f"Algorithm 2 around an identity restorer, faster than with t convolutions, {name}",
           finding(slower(lambda: walk(plain, x_T), lambda: walk(degrade, x_T), 1), least=100))
    yield (f"time of blur at t = T over that at t = 1, {name}",
           finding(slower(lambda: degrade(x0, T), lambda: degrade(x0, 1), 300), most=1.1))


def outside(task: str, dataset: str) -> Found:
    """What of Algorithm 2's time is not the network's."""
    choice = recipe("small", task, dataset)
    degrade = choice.degradation().to(HERE)
    network = choice.build(degrade).to(HERE).eval()
    drawn = degrade.draw(64, torch.Generator().manual_seed(0))
    x_T = drawn(torch.rand(64, network.channels, 32, 32, device=HERE) * 2 - 1, degrade.T)
    s = torch.full((64,), degrade.T, device=HERE)

    @torch.no_grad()
    def inside() -> None:
        for _ in range(degrade.T):
            network(x_T, s, s)
    share = slower(inside, lambda: algorithm2(network, drawn, x_T), 5)
    yield (f"share of Algorithm 2 outside the small network, batch 64, T = 50, {task} {dataset}",
           finding(1 - share, "share", most=0.05))


def start_up() -> Found:
    """Both imports timed within one process, in five processes after one that fills the disk cache."""
    printed = [subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True,
                              text=True).stdout.split() for _ in range(6)]
    torch_alone, added = pd.DataFrame(printed[1:], dtype=float).median()
    name = "importing the package beyond torch"
    yield name, finding(added, "seconds", most=0.2)
    yield f"{name}, of the time to import torch", finding(added / torch_alone, "share")
