"""The paper's two networks against the official code's outputs, and at small widths.

official_networks_example.npz was made once with the official code (github.com/arpitbansal297/Cold-Diffusion-Models). It holds,
for each network, an input x, the official index (severity - 1), the output y in eval mode on a CPU, and the names and shapes of
its state dict. The weights are no part of the file: `fill` makes them again from a seed.
"""
from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from colddiff_nb.networks.convnext import ConvNextUNet
from colddiff_nb.networks.resnet import ResNetUNet

EXAMPLE = Path(__file__).parent / "official_networks_example.npz"
PAPER = {"convnext_mnist": (ConvNextUNet, 56_612_916), "resnet_cifar10": (ResNetUNet, 35_746_307)}
SMALL = {
    "convnext": lambda: ConvNextUNet(dim=8, multipliers=(1, 2, 3), channels=2),
    "convnext flat": lambda: ConvNextUNet(dim=8, multipliers=(1,), channels=1),
    "resnet": lambda: ResNetUNet(channels=1, width=64, multipliers=(1, 2)),
    "resnet of other images": lambda: ResNetUNet(channels=2, width=32, multipliers=(2, 1, 3), size=16),
}


def fill(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """The example's weights. Only one-dimensional norm weights are around 1; the ChannelNorm's g has four dimensions."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name in sorted(shapes):
        noise = torch.randn(shapes[name], generator=generator)
        is_scale = noise.dim() == 1 and "norm" in name and name.endswith("weight")
        state[name] = 0.1 * noise + is_scale if noise.dim() == 1 else noise / math.sqrt(math.prod(noise.shape[1:]))
    return state


def small(name: str) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SMALL[name]().eval()


def inputs(network: torch.nn.Module, height: int = 16, width: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    channels = list(network.parameters())[-1].numel()  # the last layer's bias
    return torch.rand(3, channels, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1, torch.tensor([1, 20, 7])


@pytest.mark.parametrize("name", PAPER)
def test_official_output_names_and_counts(name):
    kind, count = PAPER[name]
    with np.load(EXAMPLE) as example:
        x, index, y = (torch.from_numpy(example[f"{name}_{part}"]) for part in ("x", "index", "y"))
        entries = [line.split() for line in example[f"{name}_keys"].tolist()]
    shapes = {key: tuple(map(int, shape)) for key, *shape in entries}
    network = kind().eval()
    network.load_state_dict(fill(shapes))
    assert sum(parameter.numel() for parameter in network.parameters()) == count
    with torch.device("meta"):
        default = kind()  # the arguments' defaults are the paper's, names and shapes included
    assert {key: tuple(value.shape) for key, value in default.state_dict().items()} == shapes
    with torch.no_grad():
        error = (network(x, index + 1) - y).norm() / y.norm()
    assert error < 1e-5


@pytest.mark.parametrize("name", SMALL)
def test_other_sizes_and_one_by_one(name):
    network = small(name)
    for size in ((16, 16), (32, 24)):
        x, t = inputs(network, *size)
        with torch.no_grad():
            together = network(x, t)
            single = torch.cat([network(x[i:i + 1], t[i:i + 1]) for i in range(len(x))])
        assert together.shape == x.shape and together.dtype == torch.float32
        torch.testing.assert_close(together, single, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["convnext", "resnet"])
def test_severity_reaches_the_output(name):
    network = small(name)
    x, t = inputs(network)
    with torch.no_grad():
        assert (network(x, t) - network(x, t + 1)).abs().amax((1, 2, 3)).min() > 1e-5


@pytest.mark.parametrize("name", ["convnext", "resnet"])
def test_every_parameter_gets_a_gradient(name):
    network = small(name).train()
    x, t = inputs(network)
    (network(x, t) * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))).sum().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key
        if not key.endswith(".k.bias"):  # the softmax does not change when every key moves by the same vector
            assert parameter.grad.abs().max() > 1e-7, key


def test_dropout_is_on_in_training_only():
    network = small("resnet")
    x, t = inputs(network)
    with torch.no_grad(), torch.random.fork_rng():
        assert torch.equal(network(x, t), network(x, t))
        network.train()
        assert not torch.equal(network(x, t), network(x, t))


@pytest.mark.parametrize("name", ["convnext", "resnet"])
def test_images_that_do_not_halve_often_enough_are_one_line(name):
    network = small(name)
    for height, width in ((31, 32), (32, 31)):
        with pytest.raises(ValueError, match=f"{height}, {width}\\) do not fit this network") as caught:
            network(*inputs(network, height, width))
        assert "\n" not in str(caught.value)
