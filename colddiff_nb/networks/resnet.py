"""The ResNet U-Net that the paper trained on CIFAR-10; it takes the official state dict, prefixes aside."""
from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colddiff_nb.networks.inputs import check_images, severity_embedding


class ResNetBlock(nn.Module):
    """Two rounds of norm, SiLU and 3x3 convolution, the time added between them, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, time_width: int):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(32, inputs, eps=1e-6), nn.GroupNorm(32, outputs, eps=1e-6)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.temb_proj, self.dropout = nn.Linear(time_width, outputs), nn.Dropout(0.1)
        self.nin_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))  # (B, inputs, H, W) -> (B, outputs, H, W)
        h = h + self.temb_proj(F.silu(time))[:, :, None, None]
        return self.conv2(self.dropout(F.silu(self.norm2(h)))) + self.nin_shortcut(x)


class Attention(nn.Module):
    """x + softmax attention of all pixels to all pixels, one head."""

    def __init__(self, channels: int):
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

    def __init__(self, inputs: list[int], outputs: int, time_width: int, attention: bool,
                 downsample: nn.Module | None = None, upsample: nn.Module | None = None):
        super().__init__()
        self.block = nn.ModuleList(ResNetBlock(width, outputs, time_width) for width in inputs)
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
    """The paper's CIFAR-10 network, for images of size x size.

    A level has width * its multiplier channels, multiples of 32 (at 32 itself the norms remove the time), and
    two blocks, three on the way up. At 16 x 16 attention follows each of them.
    """

    def __init__(self, channels: int = 3, width: int = 128, multipliers: tuple[int, ...] = (1, 2, 2, 2),
                 size: int = 32):
        super().__init__()
        self.channels, self.width, time_width = channels, width, 4 * width
        widths = [width * multiplier for multiplier in multipliers]
        first, second = nn.Linear(width, time_width), nn.Linear(time_width, time_width)
        dense = nn.Sequential(OrderedDict({"0": first, "silu": nn.SiLU(), "1": second}))
        self.temb = nn.ModuleDict({"dense": dense})
        self.conv_in = nn.Conv2d(channels, width, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, below = [width], widths[-1]  # channels: of what waits for the way up, and of the level below

        for level, outputs in enumerate(widths):
            pad = nn.ZeroPad2d((0, 1, 0, 1))  # right and bottom
            conv = nn.Conv2d(outputs, outputs, 3, stride=2)
            down = nn.Sequential(OrderedDict(pad=pad, conv=conv)) if level < len(widths) - 1 else None
            inputs, attention = [skips[-1], outputs], size >> level == 16
            self.down.append(ResNetLevel(inputs, outputs, time_width, attention, downsample=down))
            skips += [outputs] * (3 if down else 2)
        self.mid = nn.ModuleDict({
            "block_1": ResNetBlock(below, below, time_width), "attn_1": Attention(below),
            "block_2": ResNetBlock(below, below, time_width)})
        for level, outputs in reversed(list(enumerate(widths))):
            nearest, conv = nn.Upsample(scale_factor=2), nn.Conv2d(outputs, outputs, 3, padding=1)
            up = nn.Sequential(OrderedDict(nearest=nearest, conv=conv)) if level > 0 else None
            inputs = [features + skips.pop() for features in (below, outputs, outputs)]
            self.up.insert(0, ResNetLevel(inputs, outputs, time_width, size >> level == 16, upsample=up))
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
