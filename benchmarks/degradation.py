"""What the closed form saves: D(x0, t) as one product for any t, against t convolutions."""
from __future__ import annotations

import torch
from torch import Tensor

from colddiff_nb.degradations import Degradation, make
from colddiff_nb.degradations.bases import Separable
from colddiff_nb.sampling import algorithm2

from .clock import HERE, in_turns, ratio
from .findings import Finding, faster, finding
from .plain import SequentialBlur, cifar10_blur, mnist_blur


def measure() -> dict[str, Finding]:
    return compare("MNIST, T = 20", blur("mnist", 20), mnist_blur().to(HERE), channels=1) \
        | compare("CIFAR-10, T = 50", blur("cifar10", 50), cifar10_blur().to(HERE), channels=3)


def blur(dataset: str, T: int) -> Separable:
    degrade = make("deblur", dataset, T=T).to(HERE)
    assert isinstance(degrade, Separable)
    return degrade


def compare(name: str, degrade: Separable, plain: SequentialBlur, channels: int) -> dict[str, Finding]:
    T, x0 = degrade.T, torch.rand(64, channels, 32, 32, device=HERE) * 2 - 1
    t, x_T = torch.randint(1, T + 1, (64,), device=HERE), degrade(x0, T)
    assert (degrade(x0, t) - plain(x0, t)).abs().max() < 1e-5, "the closed form and the convolutions differ"

    def walk(D: Degradation | SequentialBlur) -> Tensor:
        return algorithm2(lambda x_s, s, start: x_s, D, x_T)

    def in_float32() -> Tensor:  # faster, but blurred images hold details that it would round away
        A = degrade.matrices[t].unsqueeze(1).float()
        return A @ x0 @ A.mT
    batch = in_turns({"plain": lambda: plain(x0, t), "ours": lambda: degrade(x0, t),
                      "in float32": in_float32}, rounds=10)
    sampling = in_turns({"plain": lambda: walk(plain), "ours": lambda: walk(degrade)}, rounds=1)
    severity = in_turns({"T": lambda: degrade(x0, T), "1": lambda: degrade(x0, 1)}, rounds=300)
    share = ratio(batch["in float32"], batch["ours"])
    return {
        f"blur of a training batch of 64, faster than t convolutions, {name}":
        faster(batch, "plain", "ours", least=100),
        f"blur of such a batch, of its time if float32 products were exact enough, {name}":
        finding(share, "share"),
        f"Algorithm 2 around an identity restorer, faster than with t convolutions, {name}":
        faster(sampling, "plain", "ours", least=100),
        f"time of blur at t = T over that at t = 1, {name}": faster(severity, "T", "1", most=1.1)}
