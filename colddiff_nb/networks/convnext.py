"""The ConvNeXt U-Net that the paper trained on MNIST; it takes the official state dict, prefixes aside."""
from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from colddiff_nb.networks.inputs import check_images, severity_embedding


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel."""

    def __init__(self, channels: int):
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.b = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
        return (x - mean) * torch.rsqrt(variance + 1e-5) * self.g + self.b


class ConvNextBlock(nn.Module):
    """Depthwise 7x7, plus the time per channel, then norm and two 3x3 convolutions, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, time_width: int | None, norm: bool = True):
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
    """x + attention of x, normalised: 4 heads of 32, q (k v), at a cost linear in the pixels."""

    def __init__(self, channels: int):
        super().__init__()
        to_qkv, to_out = nn.Conv2d(channels, 3 * 4 * 32, 1, bias=False), nn.Conv2d(4 * 32, channels, 1)
        parts = nn.ModuleDict({"to_qkv": to_qkv, "to_out": to_out})
        self.fn = nn.ModuleDict({"fn": parts, "norm": ChannelNorm(channels)})

    def forward(self, x: Tensor) -> Tensor:
        norm, parts = self.fn["norm"], cast(nn.ModuleDict, self.fn["fn"])
        query, key, value = parts["to_qkv"](norm(x)).flatten(2).unflatten(1, (3, 4, 32)).unbind(1)
        mixed = (value @ key.softmax(dim=-1).mT) @ query * 32**-0.5  # (B, 4, 32, 32) @ (B, 4, 32, HW)
        return x + parts["to_out"](mixed.reshape(len(x), 4 * 32, *x.shape[2:]))  # (B, channels, H, W)


class ConvNextLevel(nn.ModuleList):
    """Two blocks and attention at one resolution, then the step to the next."""

    def __init__(self, inputs: int, outputs: int, time_width: int, resample: nn.Module, norm: bool = True):
        first = ConvNextBlock(inputs, outputs, time_width, norm)
        second = ConvNextBlock(outputs, outputs, time_width)
        super().__init__([first, second, LinearAttention(outputs), resample])

    def forward(self, x: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features before and after the step."""
        features = self[2](self[1](self[0](x, time), time))
        return features, self[3](features)


class ConvNextUNet(nn.Module):
    """The paper's MNIST network. A level has dim * its multiplier channels; dim is even and at least 4."""

    def __init__(self, dim: int = 64, multipliers: tuple[int, ...] = (1, 2, 4, 8), channels: int = 1):
        super().__init__()
        self.dim, self.channels, widths = dim, channels, [dim * multiplier for multiplier in multipliers]
        linear = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.time_mlp = nn.Sequential(nn.Identity(), linear[0], nn.GELU(), linear[1])
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for level, (inputs, outputs) in enumerate(zip([channels, *widths], widths)):
            last = level == len(widths) - 1
            down = nn.Identity() if last else nn.Conv2d(outputs, outputs, 4, stride=2, padding=1)
            self.downs.append(ConvNextLevel(inputs, outputs, dim, down, norm=level > 0))
        self.mid_block1, self.mid_block2 = (ConvNextBlock(widths[-1], widths[-1], dim) for _ in range(2))
        self.mid_attn = LinearAttention(widths[-1])
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
