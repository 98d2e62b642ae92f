"""The paper's two networks against the official code's outputs, at small widths, and the loader's errors.

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

from colddiff_nb.networks.official import ConvNextUNet, ResNetUNet, load_official

EXAMPLE = Path(__file__).parent / "official_networks_example.npz"
PAPER = {"convnext_mnist": (ConvNextUNet, 56_612_916), "resnet_cifar10": (ResNetUNet, 35_746_307)}
SMALL = {
    "convnext": lambda: ConvNextUNet(dim=8, multipliers=(1, 2, 3), channels=2),
    "convnext flat": lambda: ConvNextUNet(dim=8, multipliers=(1,), channels=1),
    "resnet": lambda: ResNetUNet(channels=1, width=64, multipliers=(1, 2), attention_at=(16,)),
    "resnet one block": lambda: ResNetUNet(channels=2, width=32, multipliers=(2, 1, 3), blocks=1, attention_at=(32, 8)),
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
    network = load_official(fill(shapes))
    assert type(network) is kind and not network.training
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


@pytest.mark.parametrize("prefix", ["", "module.", "denoise_fn.", "denoise_fn.module.", "module.denoise_fn.module."])
@pytest.mark.parametrize("name", SMALL)
def test_loads_other_widths_under_any_prefix(name, prefix):
    network = small(name)
    weights = network.state_dict()
    state = {prefix + key: value for key, value in weights.items()}
    state |= {"gaussian_kernels.0.weight": torch.ones(1, 1, 11, 11), "module.alphas": torch.ones(3), "step": 5}
    random_state = torch.get_rng_state()
    empty = small(name).train()
    for parameter in empty.parameters():
        parameter.data.zero_()
    loaded = load_official(state, empty)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert type(loaded) is type(network) and not loaded.training
    assert loaded.state_dict().keys() == weights.keys()
    x, t = inputs(network)
    with torch.no_grad():
        torch.testing.assert_close(loaded(x, t), network(x, t))
        for parameter in loaded.parameters():
            parameter.zero_()  # the loaded network's own copy: the state dict stays as it was
    assert all(value.any() for key, value in weights.items() if key.endswith("conv_in.weight") or key == "time_mlp.1.weight")


def without(name: str, key: str) -> dict[str, torch.Tensor]:
    return {other: value for other, value in small(name).state_dict().items() if other != key}


@pytest.mark.parametrize(("state", "named"), [
    ({}, "conv_in.weight"),
    ({"layer1.0.weight": torch.ones(2, 2)}, "conv_in.weight"),
    ({"ema": without("resnet", ""), "step": 3}, "of a checkpoint pass its 'ema' or 'model'"),
    ({"conv_in.weight": torch.ones(64)}, r"conv_in.weight: found \(64,\), expected \(128, 3, 3, 3\)"),
    (without("convnext", "mid_attn.fn.fn.to_qkv.weight"), "mid_attn.fn.fn.to_qkv.weight: found nothing"),
    (without("convnext", "downs.1.0.net.3.weight"), "downs.1.0.net.3.weight"),
    (without("resnet", "up.1.block.2.norm1.bias"), "up.1.block.2.norm1.bias"),
    (without("resnet", "down.0.block.0.conv1.weight"), "down.0.block.0.conv1.weight"),
    (without("resnet", "") | {"conv_out.bias": torch.ones(7)}, r"conv_out.bias: found \(7,\), expected \(1,\)"),
    (without("resnet", "") | {"mid.attn_2.q.bias": torch.ones(7)}, "mid.attn_2.q.bias: found .*, expected nothing"),
])
def test_a_wrong_state_dict_is_one_line(state, named):
    kind = "convnext" if "time_mlp.1.weight" in state else "resnet" if len(state) > 2 else None
    with pytest.raises(ValueError, match=named) as caught:
        load_official(state, kind and small(kind))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(("call", "named"), [
    (lambda: ConvNextUNet(dim=7), "dim 7"),
    (lambda: ConvNextUNet(dim=2), "dim 2"),
    (lambda: ResNetUNet(width=48), "width 48"),
    (lambda: small("convnext")(torch.zeros(1, 2, 30, 32), torch.tensor([1])), "30 x 32"),
    (lambda: small("resnet")(torch.zeros(1, 1, 32, 31), torch.tensor([1])), "32 x 31"),
])
def test_impossible_arguments_are_one_line(call, named):
    with pytest.raises(ValueError, match=named) as caught:
        call()
    assert "\n" not in str(caught.value)
