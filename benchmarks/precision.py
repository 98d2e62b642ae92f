"""What lower precision does to the shipped deblurring models: the change of RMSE on held-out images.

A network without the preconditioner sees x_t alone, so its first layer rounds x_t; the shipped models have
one, so x_t is rounded for them as that first layer would. TF32 is emulated, on any machine: it rounds what
a convolution multiplies to 10 bits of mantissa.
"""
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from colddiff_nb import algorithm2, direct, load, load_pretrained, rmse, to_float

from .findings import HERE, Finding, finding

Restore = Callable[[Tensor, Tensor, Tensor], Tensor]
BEHIND = "bfloat16 behind the preconditioner"


def measure() -> dict[str, Finding]:
    return changes("mnist", "mnist5k") | changes("cifar10", "photos")


def changes(dataset: str, offline: str, n: int = 100) -> dict[str, Finding]:
    """For the model of a data set, on n test images of the offline set that stands for it."""
    network, degrade, _ = load_pretrained("deblur", dataset)
    network, degrade = network.to(HERE), degrade.to(HERE)
    x0 = to_float(load(offline, "test").pixels[:n]).to(HERE)
    x_T, name = degrade(x0, degrade.T), f"RMSE of deblurring {dataset}"

    def change(restore: Restore, sampler: Callable = direct) -> float:
        low, exact = (rmse(sampler(by, degrade, x_T).cpu(), x0.cpu()) for by in (restore, network))
        return low / exact - 1
    found = {f"{name}, {how}": finding(change(restore), "change", most=0.01 if how == BEHIND else None)
             for how, restore in lower_precisions(network).items()}
    sampled = change(lower_precisions(network)[BEHIND], algorithm2)
    return found | {f"{name}, {BEHIND}, by Algorithm 2": finding(sampled, "change")}


def lower_precisions(network: nn.Module) -> dict[str, Restore]:
    rounded = in_tf32(network)

    def low(x_t: Tensor, t: Tensor, start: Tensor) -> Tensor:
        with torch.autocast(HERE.type, torch.bfloat16):
            return network(x_t, t, start).float()
    return {BEHIND: low,
            "bfloat16 without it": lambda x_t, t, start: low(x_t.bfloat16().float(), t, start),
            "bfloat16 without it, after a float32 first layer":
            lambda x_t, t, start: low(through_first_layer(x_t), t, start),
            "TF32 (emulated) behind the preconditioner": rounded,
            "TF32 (emulated) without it": lambda x_t, t, start: rounded(to_tf32(x_t), t, start)}


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


def in_tf32(network: nn.Module) -> nn.Module:
    """A copy whose convolutions round their weights and their input to TF32."""
    rounded = deepcopy(network)
    for layer in rounded.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.weight.data = to_tf32(layer.weight.data)
            layer.register_forward_pre_hook(lambda layer, inputs: (to_tf32(inputs[0]), *inputs[1:]))
    return rounded
