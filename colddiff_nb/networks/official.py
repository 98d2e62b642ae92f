"""The paper's two networks: the ConvNeXt U-Net it trained on MNIST, the ResNet U-Net it trained on CIFAR-10.

Attribute names (downs, mid_block1, temb, nin_shortcut, ...) are those of the official state dicts, which load
directly. Both see x_t as it is, and count severities from 0.
"""
from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colddiff_nb.networks.inputs import check_images, severity_embedding


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.b = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
        return (x - mean) * torch.rsqrt(variance + 1e-5) * self.g + self.b


class ConvNextBlock(nn.Module):
    """Depthwise 7x7, plus the time per channel, then norm and two 3x3 convolutions, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, time_width: int | None, norm: bool = True) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.GELU(), nn.Linear(time_width, inputs)) if time_width else None
        self.ds_conv = nn.Conv2d(inputs, inputs, 7, padding=3, groups=inputs)
        wide = nn.Conv2d(inputs, 2 * outputs, 3, padding=1)
        back = nn.Conv2d(2 * outputs, outputs, 3, padding=1)
        self.net = nn.Sequential(ChannelNorm(inputs) if norm else nn.Identity(), wide, nn.GELU(), back)
        self.res_conv = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        shift = 0 if self.mlp is None else self.mlp(time)[:, :, None, None]
        return self.net(self.ds_conv(x) + shift) + self.res_conv(x)  # (B, inputs, H, W) -> (B, outputs, H, W)


class LinearAttention(nn.Module):
    """Attention, 4 heads of 32, at a cost linear in the pixels: q (k v), keys' softmax over them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.to_qkv = nn.Conv2d(channels, 3 * 4 * 32, 1, bias=False)
        self.to_out = nn.Conv2d(4 * 32, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.to_qkv(x).flatten(2).unflatten(1, (3, 4, 32)).unbind(1)  # (B, 4, 32, HW)
        mixed = (value @ key.softmax(dim=-1).mT) @ query * 32**-0.5  # (B, 4, 32, 32) @ (B, 4, 32, HW)
        return self.to_out(mixed.reshape(len(x), 4 * 32, *x.shape[2:]))  # (B, channels, H, W)


class ResidualLinearAttention(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fn = nn.ModuleDict({"fn": LinearAttention(channels), "norm": ChannelNorm(channels)})

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fn["fn"](self.fn["norm"](x))


class ConvNextLevel(nn.ModuleList):
    """Two blocks and attention at one resolution, then the step to the next."""

    def __init__(self, inputs: int, outputs: int, time_width: int, resample: nn.Module, norm: bool = True):
        first = ConvNextBlock(inputs, outputs, time_width, norm)
        second = ConvNextBlock(outputs, outputs, time_width)
        super().__init__([first, second, ResidualLinearAttention(outputs), resample])

    def forward(self, x: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features before and after the step."""
        features = self[2](self[1](self[0](x, time), time))
        return features, self[3](features)


class ConvNextUNet(nn.Module):
    """The paper's MNIST network. A level has dim * its multiplier channels; dim is even and at least 4."""

    def __init__(self, dim: int = 64, multipliers: Sequence[int] = (1, 2, 4, 8), channels: int = 1) -> None:
        super().__init__()
        if dim < 4 or dim % 2:
            raise ValueError(f"dim {dim} leaves no room for sines and cosines: use an even number, 4 or more")
        self.dim, self.channels, widths = dim, channels, [dim * multiplier for multiplier in multipliers]
        linear = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.time_mlp = nn.Sequential(nn.Identity(), linear[0], nn.GELU(), linear[1])
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for level, (inputs, outputs) in enumerate(zip([channels, *widths], widths)):
            last = level == len(widths) - 1
            down = nn.Identity() if last else nn.Conv2d(outputs, outputs, 4, stride=2, padding=1)
            self.downs.append(ConvNextLevel(inputs, outputs, dim, down, norm=level > 0))
        self.mid_block1, self.mid_block2 = (ConvNextBlock(widths[-1], widths[-1], dim) for _ in range(2))
        self.mid_attn = ResidualLinearAttention(widths[-1])
        for inputs, outputs in zip(widths[:0:-1], widths[-2::-1]):
            up = nn.ConvTranspose2d(outputs, outputs, 4, stride=2, padding=1)
            self.ups.append(ConvNextLevel(2 * inputs, outputs, dim, up))
        self.final_conv = nn.Sequential(ConvNextBlock(widths[0], dim, None), nn.Conv2d(dim, channels, 1))

    def forward(self, x: Tensor, t: Tensor, start: Tensor | None = None) -> Tensor:
        """Restore x (B, channels, H, W) of severities t (B,), 1..T: same shape. start is ignored."""
        check_images(x, self.channels, 2 ** (len(self.downs) - 1))  # every level but the last halves them
        time = self.time_mlp(severity_embedding(t - 1, self.dim))
        skips = []
        for level in self.downs:
            features, x = level(x, time)  # halves H and W, except at the last level
            skips.append(features)
        x = self.mid_block2(self.mid_attn(self.mid_block1(x, time)), time)
        for level in self.ups:
            _, x = level(torch.cat([x, skips.pop()], dim=1), time)  # doubles H, W; the first skip is unused
        return self.final_conv(x)


class ResNetBlock(nn.Module):
    """Two rounds of norm, SiLU and 3x3 convolution, the time added between them, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, time_width: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(32, inputs, eps=1e-6), nn.GroupNorm(32, outputs, eps=1e-6)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.temb_proj, self.dropout = nn.Linear(time_width, outputs), nn.Dropout(dropout)
        self.nin_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))  # (B, inputs, H, W) -> (B, outputs, H, W)
        h = h + self.temb_proj(F.silu(time))[:, :, None, None]
        return self.conv2(self.dropout(F.silu(self.norm2(h)))) + self.nin_shortcut(x)


class Attention(nn.Module):
    """x + softmax attention of all pixels to all pixels, one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, channels, eps=1e-6)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        query, key, value = (layer(h).flatten(2).mT for layer in (self.q, self.k, self.v))  # (B, HW, C)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2)  # (B, C, HW)
        return x + self.proj_out(mixed.reshape(x.shape))


class ResNetLevel(nn.Module):
    """The blocks of one resolution, with attention after each or none; inputs: the blocks' input channels."""

    def __init__(self, inputs: Sequence[int], outputs: int, time_width: int, attention: bool, dropout: float,
                 downsample: nn.Module | None = None, upsample: nn.Module | None = None) -> None:
        super().__init__()
        self.block = nn.ModuleList(ResNetBlock(width, outputs, time_width, dropout) for width in inputs)
        self.attn = nn.ModuleList(Attention(outputs) if attention else nn.Identity() for _ in inputs)
        self.downsample, self.upsample = downsample, upsample

    def forward(self, x: Tensor, time: Tensor, skips: list[Tensor] | None = None) -> list[Tensor]:
        """Return every block's output, then the resampled one if any; each block takes the last skip."""
        outputs = []
        for block, attention in zip(self.block, self.attn):
            x = attention(block(x if skips is None else torch.cat([x, skips.pop()], dim=1), time))
            outputs.append(x)
        return outputs + [layer(x) for layer in (self.downsample, self.upsample) if layer is not None]


class ResNetUNet(nn.Module):
    """The paper's CIFAR-10 network.

    A level has width * its multiplier channels, multiples of 32 (at 32 itself the norms remove the time), and
    `blocks` blocks; attention follows every block at the resolutions attention_at of images of size x size.
    """

    def __init__(self, channels: int = 3, width: int = 128, multipliers: Sequence[int] = (1, 2, 2, 2),
                 blocks: int = 2, attention_at: Sequence[int] = (16,), dropout: float = 0.1, size: int = 32):
        super().__init__()
        if width < 32 or width % 32:
            raise ValueError(f"width {width} does not divide into 32 groups: use a multiple of 32")
        self.channels, self.width, time_width = channels, width, 4 * width
        widths = [width * multiplier for multiplier in multipliers]
        first, second = nn.Linear(width, time_width), nn.Linear(time_width, time_width)
        dense = nn.Sequential(OrderedDict({"0": first, "silu": nn.SiLU(), "1": second}))
        self.temb = nn.ModuleDict({"dense": dense})
        self.conv_in = nn.Conv2d(channels, width, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, below = [width], widths[-1]  # channels: of what waits for the way up, and of the level below

        def level_of(level: int, inputs: list[int], outputs: int, **resample: Any) -> ResNetLevel:
            attention = size >> level in attention_at
            return ResNetLevel(inputs, outputs, time_width, attention, dropout, **resample)

        for level, outputs in enumerate(widths):
            inputs = [skips[-1]] + [outputs] * (blocks - 1)
            pad = nn.ZeroPad2d((0, 1, 0, 1))  # right and bottom
            conv = nn.Conv2d(outputs, outputs, 3, stride=2)
            down = nn.Sequential(OrderedDict(pad=pad, conv=conv)) if level < len(widths) - 1 else None
            self.down.append(level_of(level, inputs, outputs, downsample=down))
            skips += [outputs] * (blocks + (down is not None))
        self.mid = nn.ModuleDict({
            "block_1": ResNetBlock(below, below, time_width, dropout), "attn_1": Attention(below),
            "block_2": ResNetBlock(below, below, time_width, dropout)})
        for level, outputs in reversed(list(enumerate(widths))):
            inputs = [features + skips.pop() for features in [below] + [outputs] * blocks]
            nearest, conv = nn.Upsample(scale_factor=2), nn.Conv2d(outputs, outputs, 3, padding=1)
            up = nn.Sequential(OrderedDict(nearest=nearest, conv=conv)) if level > 0 else None
            self.up.insert(0, level_of(level, inputs, outputs, upsample=up))
            below = outputs
        self.norm_out = nn.GroupNorm(32, below, eps=1e-6)
        self.conv_out = nn.Conv2d(below, channels, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, start: Tensor | None = None) -> Tensor:
        """Restore x (B, channels, H, W) of severities t (B,), 1..T: same shape. start is ignored."""
        check_images(x, self.channels, 2 ** (len(self.down) - 1))
        time = self.temb["dense"](severity_embedding(t - 1, self.width))  # (B, 4 * width)
        skips = [self.conv_in(x)]  # (B, width, H, W)
        for level in self.down:
            skips += level(skips[-1], time)
        x = self.mid["block_2"](self.mid["attn_1"](self.mid["block_1"](skips[-1], time)), time)
        for level in reversed(self.up):
            x = level(x, time, skips)[-1]
        return self.conv_out(F.silu(self.norm_out(x)))  # (B, channels, H, W)


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
