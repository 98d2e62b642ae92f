"""A training loop put together from pieces: by default the plain one."""
import copy
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam

from colddiff_nb.data import channels, load, to_float
from colddiff_nb.storage.runtime import has_bf16
from colddiff_nb.training import Recipe

from .findings import GPU, HERE
from .plain import SequentialBlur, average_one_by_one, batches_through_pil


def batches_of_one_tensor(pixels: Tensor, size: int) -> Iterator[Tensor]:
    """All images stay on the device as bytes: a batch is one gather."""
    pixels = pixels.to(HERE)
    while True:
        x0 = to_float(pixels[torch.randint(len(pixels), (size,), device=HERE)])
        yield torch.where(torch.rand(size, 1, 1, 1, device=HERE) < 0.5, x0.flip(-1), x0)


@torch.no_grad()
def average_at_once(average: nn.Module, network: nn.Module) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 0.005)


Pieces = dict[str, Any]  # arguments of `training_loop`
CHANGES: dict[str, Pieces] = {
    "images as one tensor instead of a DataLoader with PIL": {"batches": batches_of_one_tensor},
    "blur in closed form instead of t convolutions": {"closed_form": True},
    "one batch of 64 instead of 32 twice": {"size": 64, "accumulate": 1},
    "fused Adam": {"fused": True},
    "EMA of all parameters at once": {"average": average_at_once}}
if has_bf16(HERE):
    CHANGES["bfloat16 instead of float32"] = {"bfloat16": True}
if GPU:
    CHANGES["channels_last"] = {"layout": torch.channels_last}
OURS = {name: piece for change in CHANGES.values() for name, piece in change.items()}


def training_loop(choice: Recipe, *, batches: Any = batches_through_pil, closed_form: bool = False,
                  size: int = 32, accumulate: int = 2, fused: bool | None = None,
                  average: Any = average_one_by_one, bfloat16: bool = False,
                  layout: torch.memory_format = torch.contiguous_format) -> Iterator[None]:
    """Trains deblurring with a recipe's network: a step of size x accumulate images a turn."""
    images = batches(load(choice.dataset, "train", size=choice.size).pixels, size)
    ours = choice.degradation().to(HERE)
    network = choice.build(ours).to(HERE).to(memory_format=layout)
    degrade = ours if closed_form else SequentialBlur(channels(choice.dataset)).to(HERE)
    ema = copy.deepcopy(network)
    optimizer = Adam(network.parameters(), 2e-5, fused=fused)
    while True:
        for _ in range(accumulate):
            x0 = next(images).to(HERE)
            t = torch.randint(1, degrade.T + 1, (size,), device=HERE)
            with torch.autocast(HERE.type, torch.bfloat16, enabled=bfloat16):
                x0_hat = network(degrade(x0, t), t, t).float()
            (F.l1_loss(x0_hat, x0) / accumulate).backward()
        optimizer.step()
        optimizer.zero_grad()
        average(ema, network)
        yield
