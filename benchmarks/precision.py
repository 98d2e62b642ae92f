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
from colddiff_nb.sampling import Restore

from .findings import HERE, Found, finding

BEHIND = "bfloat16 behind the preconditioner"


def changes(dataset: str, offline: str) -> Found:
    """Of a data set's model, on 100 test images of the offline set that stands for it."""
    network, degrade, _ = load_pretrained("deblur", dataset)
    network, degrade = network.to(HERE), degrade.to(HERE)
    x0 = to_float(load(offline, "test").pixels[:100]).to(HERE)
    x_T = degrade(x0, degrade.T)

    def change(restore: Restore, sampler: Callable = direct) -> float:
        return rmse(sampler(restore, degrade, x_T), x0) / rmse(sampler(network, degrade, x_T), x0) - 1
    lower = lower_precisions(network)
    for how, restore in lower.items():
        yield (f"RMSE of deblurring {dataset}, {how}",
               finding(change(restore), "change", most=0.01 if how == BEHIND else None))
    yield (f"RMSE of deblurring {dataset}, {BEHIND}, by Algorithm 2",
           finding(change(lower[BEHIND], algorithm2), "change"))


def lower_precisions(network: nn.Module) -> dict[str, Restore]:
    rounded = deepcopy(network)
    for layer in rounded.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.weight.data = to_tf32(layer.weight.data)
            layer.register_forward_pre_hook(lambda layer, inputs: (to_tf32(inputs[0]), *inputs[1:]))

    def low(x_t: Tensor, t: Tensor, start: Tensor) -> Tensor:
        with torch.autocast(HERE.type, torch.bfloat16):
            return network(x_t, t, start).float()

    def after(first: Callable[[Tensor], Tensor], restore: Restore) -> Restore:
        return lambda x_t, t, start: restore(first(x_t), t, start)
    return {BEHIND: low,
            "bfloat16 without it": after(lambda x_t: x_t.bfloat16().float(), low),
            "bfloat16 without it, after a float32 first layer": after(through_first_layer, low),
            "TF32 (emulated) behind the preconditioner": rounded,
            "TF32 (emulated) without it": after(to_tf32, rounded)}


def through_first_layer(x_t: Tensor) -> Tensor:
    """Estimate x_t by least squares from 64 random filters of it, rounded to bfloat16."""
    filters = torch.randn(64, x_t.shape[1], generator=torch.Generator().manual_seed(0)).to(x_t.device)
    seen = torch.einsum("fc,bchw->bfhw", filters, x_t).bfloat16().float()
    return torch.einsum("cf,bfhw->bchw", torch.linalg.pinv(filters), seen)


def to_tf32(values: Tensor) -> Tensor:
    """Add half of the 13 bits of float32 that TF32 lacks, then cut them off."""
    return ((values.contiguous().view(torch.int32) + (1 << 12)) & ~((1 << 13) - 1)).view(torch.float32)
