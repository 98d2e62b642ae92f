"""What lower precision does to the shipped deblurring models: the change of RMSE on a few held-out images,
against float32.

A network without the preconditioner sees x_t alone, so its first layer rounds x_t; the shipped models have
one, so x_t is rounded for them as that first layer would. TF32 is emulated, on any machine: it rounds what
a convolution multiplies to 10 bits of mantissa.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from colddiff_nb import metrics
from colddiff_nb.data import load, to_float
from colddiff_nb.sampling import Restore, algorithm2, direct
from colddiff_nb.weights import load_pretrained

from .clock import HERE
from .findings import Finding, finding

BEHIND = "bfloat16 behind the preconditioner"


def measure() -> dict[str, Finding]:
    return changes("mnist", "mnist5k") | changes("cifar10", "photos")


def changes(dataset: str, offline: str, n: int = 100) -> dict[str, Finding]:
    """For the model of a data set, on n test images of the offline set that stands for it."""
    network, degrade, _ = load_pretrained("deblur", dataset)
    network, degrade = network.to(HERE), degrade.to(HERE)
    x0 = to_float(load(offline, "test").pixels[:n]).to(HERE)
    x_T, name = degrade(x0, degrade.T), f"RMSE of deblurring {dataset}"

    def rmse(restore: Restore, sampler: Callable = direct) -> float:
        return metrics.rmse(sampler(restore, degrade, x_T).cpu(), x0.cpu())
    exact = rmse(network)
    found = {f"{name}, {how}": finding(rmse(restore) / exact - 1, "change")
             for how, restore in lower_precisions(network).items()}
    safe = f"{name}, {BEHIND}"
    found[safe] = finding(found[safe]["value"], "change", most=0.01)
    sampled = rmse(in_bfloat16(network), algorithm2) / rmse(network, algorithm2) - 1
    return found | {f"{safe}, by Algorithm 2": finding(sampled, "change")}


def lower_precisions(network: nn.Module) -> dict[str, Restore]:
    low = in_bfloat16(network)
    return {BEHIND: low,
            "bfloat16 without it": lambda x_t, t, start: low(x_t.bfloat16().float(), t, start),
            "bfloat16 without it, after a float32 first layer":
            lambda x_t, t, start: low(through_first_layer(x_t), t, start),
            "TF32 (emulated) behind the preconditioner": in_tf32(network),
            "TF32 (emulated) without it": lambda x_t, t, start: in_tf32(network)(to_tf32(x_t), t, start)}


def in_bfloat16(network: Restore) -> Restore:
    def restore(x_t: Tensor, t: Tensor, start: Tensor) -> Tensor:
        with torch.autocast(HERE.type, torch.bfloat16):
            return network(x_t, t, start).float()
    return restore


def through_first_layer(x_t: Tensor, width: int = 64) -> Tensor:
    """What a float32 layer of `width` random filters leaves of x_t when its output is rounded to bfloat16.

    The least squares estimate of x_t from it.
    """
    filters = torch.randn(width, x_t.shape[1], generator=torch.Generator().manual_seed(0)).to(x_t.device)
    seen = torch.einsum("fc,bchw->bfhw", filters, x_t).bfloat16().float()
    return torch.einsum("cf,bfhw->bchw", torch.linalg.pinv(filters), seen)


def to_tf32(values: Tensor) -> Tensor:
    """Float32 rounded to 10 bits of mantissa: half of the 13 bits that go is added, then they are cut off."""
    return ((values.contiguous().view(torch.int32) + (1 << 12)) & ~((1 << 13) - 1)).view(torch.float32)


def in_tf32(network: nn.Module) -> Restore:
    def restore(x_t: Tensor, t: Tensor, start: Tensor) -> Tensor:
        with rounded_convolutions(network):
            return network(x_t, t, start)
    return restore


@contextmanager
def rounded_convolutions(network: nn.Module) -> Iterator[None]:
    """Inside, every convolution rounds its weights and its input to TF32."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    weights = [layer.weight.data for layer in layers]
    hooks = [layer.register_forward_pre_hook(lambda layer, inputs: (to_tf32(inputs[0]), *inputs[1:]))
             for layer in layers]
    for layer in layers:
        layer.weight.data = to_tf32(layer.weight.data)
    try:
        yield
    finally:
        for layer, weight, hook in zip(layers, weights, hooks):
            layer.weight.data = weight
            hook.remove()
