"""`build`: a network by its name, the small one, the paper's or your own; and `register` for those."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from colddiff_nb.data.names import check_choice
from colddiff_nb.degradations import Degradation
from colddiff_nb.networks.convnext import ConvNextUNet
from colddiff_nb.networks.inputs import check_images
from colddiff_nb.networks.resnet import ResNetUNet
from colddiff_nb.networks.small import SmallUNet

OWN_NETWORKS: dict[str, Callable[[int, int, int], Any]] = {}  # filled by `register`


def build(name: str, degrade: Degradation, channels: int, **options: Any) -> nn.Module:
    """Return a network with fresh weights; its `channels`, `size` and `T` say what it was made for.

    Args:
        name: "small", "paper" or one that was registered.
        **options: of SmallUNet; the others have none.

    Raises:
        ValueError: there is no such network, or it cannot take images of D's size.
    """
    check_choice("network", name, ("small", "paper", *OWN_NETWORKS))
    size = degrade.size
    check_images(torch.empty(0, channels, size, size), channels, 8)
    network: Any
    if name == "small":
        network = SmallUNet(degrade, channels, **options)
    elif name in OWN_NETWORKS:
        network = OWN_NETWORKS[name](channels, size, degrade.T)
    else:
        network = ConvNextUNet() if channels == 1 else ResNetUNet(size=size)
    network.size, network.T = size, degrade.T
    return network


def register(name: str, maker: Callable[[int, int, int], nn.Module]) -> None:
    """Let recipes find a network of your own: recipe("quick", "superres", "mnist5k", network=name).

    Args:
        maker: maker(channels, size, T) returns it with fresh weights; it is called as `SmallUNet` is. Whoever
            loads its weights registers it first.

    Raises:
        ValueError: the name is one of the package's.
    """
    if name in ("small", "paper"):
        raise ValueError(f"{name} is a network of the package: register yours under another name")
    OWN_NETWORKS[name] = maker
