"""The networks R(x_t, t) -> x0_hat: a small U-Net for CPUs behind a float32 preconditioner, and `build` for every recipe.

The paper's own two networks are in official.py; they see x_t as it is. All are called with images x_t (B, C, H, W), their
severities t and the severities that the sampler started from, LongTensors (B,) in 1..T, and return images of the same shape.
"""
from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colddiff_nb.bases import Separable
from colddiff_nb.contract import check_images
from colddiff_nb.degradations import Degradation
from colddiff_nb.names import channels
from colddiff_nb.recipes import OWN_NETWORKS, Recipe

# Standard deviation of the rounding error of a measurement of order 1: what float32 leaves after D, and that of 256 levels in [-1, 1].
# A preconditioner tuned to float32 reads details that 8 bits have erased, and takes rounding for signal when given 8 bits.
NOISE = {"float32": 2e-8, "8bit": 2 / 255 / 12 ** 0.5, "both": 2e-8}
LEAST_SPREAD = 0.01  # of a coefficient: one that never moved in the images looked at may do so in others


class Preconditioner(nn.Module):
    """Turns what little a severe degradation leaves into float32 channels of order 1, before anything is rounded to bfloat16.

    Channels: x_t; (x_t - its mean) * gain(t); for blur and pixelation an estimate of x0, `linear_estimate`; for all others the
    logarithm of x_t with its sign, in which attenuation by a mask is a smooth sum: asinh(x_t / noise), scaled.
    """

    gain: Tensor
    mean: Tensor
    spread: Tensor

    def __init__(self, degrade: Degradation, channels: int, measurement: str):
        super().__init__()
        self.noise = NOISE[measurement]
        self.register_buffer("gain", torch.ones(degrade.T + 1))
        self.inverts = isinstance(degrade, Separable)
        if isinstance(degrade, Separable):
            self.linear = copy.deepcopy(degrade)  # moves with the network, not with the reader's degradation
            self.register_buffer("mean", torch.zeros(channels, degrade.size, degrade.size))
            self.register_buffer("spread", torch.ones(degrade.size, degrade.size))

    @torch.no_grad()
    def fit(self, degrade: Degradation, x0: Tensor) -> None:
        """Learn from training images x0 (n, C, H, W): gain(t), one over the spread of D(x0, t) within an image; the mean image; and the
        standard deviation of each coefficient about the mean's, over images and channels."""
        drawn = degrade.draw(len(x0), torch.Generator().manual_seed(0))
        for t in range(degrade.T + 1):
            x_t = drawn(x0, t)
            self.gain[t] = 1 / (x_t - x_t.mean((-1, -2), keepdim=True)).std().clamp(min=1e-6)  # x_t may be flat
        if self.inverts:
            self.mean.copy_(x0.mean(0))
            spread = self.linear.analyse(x0 - self.mean).square().mean((0, 1)).sqrt()
            self.spread.copy_(spread.clamp(min=LEAST_SPREAD))

    def trust(self, t: Tensor) -> Tensor:
        """How far a measured coefficient of x_t is believed, 0 (lost in rounding) to 1: (B, 1, size, size), float64."""
        signal = (self.linear.gains_at(t) * self.spread).square()
        return signal / (signal + self.noise ** 2)

    def linear_estimate(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The best linear estimate of x0 (B, C, H, W) that takes its coefficients as independent.

        Each is that of the mean image plus trust / gain (written without a division by zero) times the difference
        between that of x_t and that of the degraded mean."""
        gains, mean, variance = self.linear.gains_at(t), self.linear.analyse(self.mean), self.spread.double().square()
        offset = self.linear.analyse(x_t) - gains * mean
        return self.linear.synthesise(mean + gains * variance / (gains.square() * variance + self.noise ** 2) * offset).float()

    def unmeasured(self, correction: Tensor, t: Tensor) -> Tensor:
        """What of a correction (B, C, H, W) to the linear estimate concerns coefficients that x_t does not tell: the measured ones stay as
        measured, to their last digit. Algorithm 2 needs that: from a handful of exact numbers the network infers a whole digit, and steps
        that overwrite them with predictions a percent off would lose it."""
        return self.linear.synthesise((1 - self.trust(t)) * self.linear.analyse(correction)).float()

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        with torch.autocast(x_t.device.type, enabled=False):
            x_t = x_t.float()
            centred = (x_t - x_t.mean((-1, -2), keepdim=True)) * self.gain[t].view(-1, 1, 1, 1)
            amplified = self.linear_estimate(x_t, t) if self.inverts else torch.asinh(x_t / self.noise) / math.asinh(1 / self.noise)
            return torch.cat([x_t, centred, amplified], dim=1)  # (B, 3 C, H, W)


def severity_embedding(t: Tensor, width: int) -> Tensor:
    """Sines and cosines of t at geometric frequencies: (B,) -> (B, width)."""
    frequencies = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=t.device) / (width // 2 - 1))
    angles = t.float().unsqueeze(1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Block(nn.Module):
    """Residual block: normalise, convolve, scale and shift by the severity, convolve."""

    def __init__(self, inputs: int, outputs: int, embedding: int):
        super().__init__()
        self.norm = nn.GroupNorm(8, inputs)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.film = nn.Linear(embedding, 2 * outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.film(embedding)[:, :, None, None].chunk(2, dim=1)
        hidden = self.first(F.silu(self.norm(x)))
        return x + self.second(F.silu(hidden * (1 + scale) + shift))


class SmallUNet(nn.Module):
    """About 1 M parameters and 0.1 GFLOP for a 32 x 32 image: pixel-unshuffle to half resolution, then three levels.

    For blur and pixelation x0_hat is the preconditioner's linear estimate plus a correction of what was not
    measured: images must have the size of the degradation. For all others it is x_t * exp(gain) plus a correction,
    as a mask attenuates: H and W must be divisible by 8. The last layer starts at zero.
    time, skips: switch off for the ablations. keeps: see `Recipe` and `forward`.
    """

    def __init__(self, degrade: Degradation, channels: int, measurement: str = "float32", widths: tuple[int, int, int] = (48, 80, 160),
                 time: bool = True, skips: bool = True, keeps: str = "state"):
        super().__init__()
        top, middle, bottom = widths
        embedding = 2 * top
        self.channels, self.top, self.time, self.skips, self.keeps = channels, top, time, skips, keeps
        self.precondition = Preconditioner(degrade, channels, measurement)
        self.only_size = degrade.size if self.precondition.inverts else None
        self.embed = nn.Sequential(nn.Linear(top, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU())
        self.stem = nn.Conv2d(12 * channels, top, 1)
        self.down = nn.ModuleList([nn.Conv2d(top, middle, 2, stride=2), nn.Conv2d(middle, bottom, 2, stride=2)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(middle, top, 2, stride=2), nn.ConvTranspose2d(bottom, middle, 2, stride=2)])
        self.encoders = nn.ModuleList([Block(width, width, embedding) for width in (top, middle)])
        self.bottom = Block(bottom, bottom, embedding)
        self.decoders = nn.ModuleList([Block(width, width, embedding) for width in (top, middle)])
        self.head = nn.Conv2d(top, (4 if self.precondition.inverts else 8) * channels, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x_t: Tensor, t: Tensor, start: Tensor | None = None) -> Tensor:
        """Restore x_t (B, C, H, W), float32, of severities t (B,): same shape.

        start (B,): the severities that samplers started from to reach x_t; t itself where x_t is D(x0, t).
        With keeps="measurement" it must be given: only what x_T told was measured. Predictions wrote all else in
        x_t, and it stays open to correction."""
        check_images(x_t, self.channels, 8, self.only_size)
        if start is None and self.keeps == "measurement":
            raise ValueError("this network must know where the sampler started: call it as restore(x_s, s, start), "
                             "with start = s where x_s is D(x0, s) itself")
        kept = start if start is not None and self.keeps == "measurement" else t
        features = self.precondition(x_t, t)
        embedding = self.embed(severity_embedding(t if self.time else torch.zeros_like(t), self.top))
        x = self.stem(F.pixel_unshuffle(features, 2))  # (B, top, H/2, W/2)
        x1 = self.encoders[0](x, embedding)
        x2 = self.encoders[1](self.down[0](x1), embedding)  # (B, middle, H/4, W/4)
        x = self.bottom(self.down[1](x2), embedding)  # (B, bottom, H/8, W/8)
        x = self.decoders[1](self.up[1](x) + (x2 if self.skips else 0), embedding)
        x = self.decoders[0](self.up[0](x) + (x1 if self.skips else 0), embedding)
        out = F.pixel_shuffle(self.head(x), 2).float()  # (B, C or 2 C, H, W)
        if self.precondition.inverts:
            with torch.autocast(x_t.device.type, enabled=False):
                return features[:, -self.channels:] + self.precondition.unmeasured(out, kept)
        gain, correction = out.chunk(2, dim=1)
        undone = features[:, :self.channels] * gain.clamp(max=20).exp()  # more only amplifies noise
        return undone.clamp(-2, 2) + correction  # bounded: Algorithm 1 would feed a runaway back


def build(recipe: Recipe, degrade: Degradation) -> nn.Module:
    """The network of a recipe, for the images its degradation was made for, with fresh weights.

    Raises ValueError for a size that it cannot take. Its channels, size and T say what it was made for."""
    colours, size = channels(recipe.dataset), degrade.size
    check_images(torch.empty(0, colours, size, size), colours, 8)
    network: Any
    if recipe.network == "small":
        network = SmallUNet(degrade, colours, recipe.measurement, recipe.widths,
                            time=recipe.time_input, skips=recipe.skips, keeps=recipe.keeps)
    elif recipe.network in OWN_NETWORKS:
        network = OWN_NETWORKS[recipe.network](colours, size, degrade.T)
    else:
        from colddiff_nb.official import ConvNextUNet, ResNetUNet
        network = ConvNextUNet() if colours == 1 else ResNetUNet(size=size)
    network.size, network.T = size, degrade.T
    return network


def register(name: str, maker: Callable[[int, int, int], nn.Module]) -> None:
    """Let recipes find a network of your own: recipe("quick", "superres", "mnist5k", network=name).

    maker(channels, size, T) returns it with fresh weights, to be called as `SmallUNet.forward` is. Whoever loads its
    weights registers it first. A name of the package's is a ValueError."""
    if name in ("small", "paper"):
        raise ValueError(f"{name} is a network of the package: register yours under another name")
    OWN_NETWORKS[name] = maker
