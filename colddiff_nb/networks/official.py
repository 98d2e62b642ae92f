"""The paper's two networks by their official weights. Both see x_t as it is, and count severities from 0."""
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from colddiff_nb.networks.convnext import ConvNextUNet
from colddiff_nb.networks.resnet import ResNetUNet

__all__ = ["ConvNextUNet", "ResNetUNet", "load_official"]


def load_official(state_dict: Mapping[str, Any], network: nn.Module | None = None) -> nn.Module:
    """Load an official state dict, and return its network in eval mode.

    Prefixes `module.` and `denoise_fn.` are removed, entries that are not the network's ignored.

    Args:
        network: one of other widths; by default the one of the paper's two that the names fit, on the CPU.

    Raises:
        ValueError: names what is missing or has another shape.
    """
    state = {re.sub(r"^((module|denoise_fn)\.)+", "", name): value for name, value in state_dict.items()}
    if network is None:
        with torch.device("meta"):  # nothing is allocated or drawn before everything is known to fit
            network = ConvNextUNet() if "time_mlp.1.weight" in state else ResNetUNet()
    parts = dict(network.named_children())
    state = {name: value for name, value in state.items() if name.split(".")[0] in parts}
    expected, found = ({name: tuple(value.shape) for name, value in tensors.items()}
                       for tensors in (network.state_dict(), state))
    wrong = [f"{name}: found {found.get(name, 'nothing')}, expected {expected.get(name, 'nothing')}"
             for name in sorted(expected | found) if found.get(name) != expected.get(name)]
    if wrong:
        hint = "of a checkpoint pass its 'ema' or 'model'"
        raise ValueError(f"no state dict of this {type(network).__name__} ({hint}): {'; '.join(wrong[:3])} "
                         f"({len(wrong)} in all)")
    network.to_empty(device="cpu").load_state_dict(state)
    return network.eval()
