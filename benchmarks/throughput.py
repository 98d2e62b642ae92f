"""Images a second of `train` itself, by batch and precision, and what share of matrix products that is."""
from dataclasses import replace

import torch
from torch import nn

from colddiff_nb.data import load
from colddiff_nb.training import Recipe, recipe

from .findings import GPU, HERE, Finding, finding, now, seconds_of
from .training import MATRIX, Enough, flops, precision_of, until_enough

BATCHES = (64, 256, 1_024) if GPU else (64,)


def measure() -> dict[str, Finding]:
    found: dict[str, Finding] = {}
    digits = recipe("small", "superres", "mnist5k")
    for batch in BATCHES:
        goal = 60_000 if GPU and batch == BATCHES[-1] else None
        found |= rate(f"the small network, batch {batch}", replace(digits, batch=batch), goal)
        found |= rate(f"the small network with rollouts, batch {batch}", replace(digits, batch=batch),
                      rollouts=0.5)
    if GPU:
        found |= rate("the small network, compiled, batch 512", replace(digits, batch=512, compile=True))
        found |= rate("the small network and a critic, batch 256", replace(digits, batch=256, realism=0.1))
    for name, dataset in (("the paper's MNIST network", "mnist5k"),
                          ("the paper's CIFAR-10 network", "photos")):
        for precision in ("float32", "bf16") if GPU else ():
            choice = recipe("paper", "superres", dataset, precision=precision, batch=64, accumulate=1)
            found |= rate(f"{name}, {precision}, batch 64", choice)
    return found


def rate(name: str, choice: Recipe, goal: float | None = None, rollouts: float = 0.0) -> dict[str, Finding]:
    """Of training a recipe for some seconds, after steps that warm up."""
    images, times = load(choice.dataset, "train"), []
    steps = (60 if choice.network == "small" else 15) if GPU else 3

    def on_evaluate(step: int, ema: nn.Module) -> dict[str, float]:
        times.append(now())
        if len(times) == 3:
            raise Enough
        return {}
    until_enough(replace(choice, evaluate_every=steps, steps=10 * steps), images, on_evaluate, rollouts)
    per_second = steps * choice.batch * choice.accumulate / (times[2] - times[1])
    dtype = precision_of(choice)
    matrix = torch.randn(MATRIX, MATRIX, device=HERE, dtype=dtype)
    seconds_of(lambda: matrix @ matrix)
    product = 2 * MATRIX ** 3 / seconds_of(lambda: matrix @ matrix)  # FLOP a second
    precision, share = str(dtype).removeprefix("torch."), per_second * flops(choice) / product
    return {f"training {name}": finding(per_second, "images/s", least=goal),
            f"training {name}, of the {precision} matmul rate": finding(share, "share")}
