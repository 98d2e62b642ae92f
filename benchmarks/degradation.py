"""What the closed form saves: D(x0, t) as one product for any t, against t convolutions."""
from typing import Any

import torch
from torch import Tensor

from colddiff_nb import algorithm2, make

from .findings import HERE, Finding, faster, finding, in_turns, ratio
from .plain import SequentialBlur, cifar10_blur, mnist_blur


def measure() -> dict[str, Finding]:
    return compare("MNIST, T = 20", make("deblur", "mnist", T=20), mnist_blur(), channels=1) \
        | compare("CIFAR-10, T = 50", make("deblur", "cifar10", T=50), cifar10_blur(), channels=3)


def compare(name: str, degrade: Any, plain: SequentialBlur, channels: int) -> dict[str, Finding]:
    degrade, plain = degrade.to(HERE), plain.to(HERE)
    T, x0 = degrade.T, torch.rand(64, channels, 32, 32, device=HERE) * 2 - 1
    t, x_T = torch.randint(1, T + 1, (64,), device=HERE), degrade(x0, T)
    assert (degrade(x0, t) - plain(x0, t)).abs().max() < 1e-5, "the closed form and the convolutions differ"

    def walk(D: Any) -> Tensor:
        return algorithm2(lambda x_s, s, start: x_s, D, x_T)

    def in_float32() -> Tensor:  # faster, but blurred images hold details that it would round away
        A = degrade.matrices[t].unsqueeze(1).float()
        return A @ x0 @ A.mT
    batch = in_turns({"plain": lambda: plain(x0, t), "ours": lambda: degrade(x0, t),
                      "in float32": in_float32}, rounds=10)
    sampling = in_turns({"plain": lambda: walk(plain), "ours": lambda: walk(degrade)}, rounds=1)
    severity = in_turns({"T": lambda: degrade(x0, T), "1": lambda: degrade(x0, 1)}, rounds=300)
    return {
        f"blur of a training batch of 64, faster than t convolutions, {name}":
        faster(batch, "plain", "ours", least=100),
        f"blur of such a batch, of its time if float32 products were exact enough, {name}":
        finding(ratio(batch["in float32"], batch["ours"]), "share"),
        f"Algorithm 2 around an identity restorer, faster than with t convolutions, {name}":
        faster(sampling, "plain", "ours", least=100),
        f"time of blur at t = T over that at t = 1, {name}": faster(severity, "T", "1", most=1.1)}
