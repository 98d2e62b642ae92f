"""The networks R(x_t, t) -> x0_hat: a small U-Net for CPUs behind a float32 preconditioner, and `build` for every recipe.

The paper's own two networks are in official.py; they take x_t alone. All are called with images (B, C, H, W) and the severity
t as a LongTensor (B,) in 1..T, and return images of the same shape.
"""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colddiff_nb.degradations import GREY_DATASETS, Degradation, Separable
from colddiff_nb.recipes import Recipe

# Where the pseudo-inverse stops trusting a coefficient: about the rounding error of the measurement divided by the spread of
# the coefficients. Tuned to float32 it reads details that 8 bits have erased, and takes rounding for signal when given 8 bits.
REGULARISATION = {"float32": 1e-6, "8bit": 1e-2}


class Preconditioner(nn.Module):
    """Turns what little a severe degradation leaves into float32 channels of order 1, before anything is rounded to bfloat16.

    Channels: x_t; (x_t - its mean) * gain(t); for blur and pixelation also the regularised pseudo-inverse of x_t. With the
    singular value decomposition A_t = U S V^T the two-dimensional operator has the gains S2 = outer(S, S), so the pseudo-inverse
    is V (U^T x_t U * S2 / (S2^2 + c^2)) V^T.
    """

    gain: Tensor
    U: Tensor
    V: Tensor
    weights: Tensor

    def __init__(self, degrade: Degradation, measurement: str):
        super().__init__()
        self.register_buffer("gain", torch.ones(degrade.T + 1))
        self.inverts = isinstance(degrade, Separable)
        if isinstance(degrade, Separable):
            U, S, Vh = torch.linalg.svd(degrade.matrices)
            S2 = S.unsqueeze(-1) * S.unsqueeze(-2)  # (T + 1, size, size)
            self.register_buffer("U", U, persistent=False)
            self.register_buffer("V", Vh.mT.contiguous(), persistent=False)
            self.register_buffer("weights", S2 / (S2 ** 2 + REGULARISATION[measurement] ** 2), persistent=False)

    @property
    def copies(self) -> int:
        """How many images stand in a row in the output."""
        return 3 if self.inverts else 2

    @torch.no_grad()
    def fit(self, degrade: Degradation, x0: Tensor) -> None:
        """Set gain(t) to one over the spread of D(x0, t) within an image, for training images x0 (n, C, H, W)."""
        drawn = degrade.draw(len(x0), torch.Generator().manual_seed(0))
        for t in range(degrade.T + 1):
            x_t = drawn(x0, t)
            self.gain[t] = 1 / (x_t - x_t.mean((-1, -2), keepdim=True)).std().clamp(min=1e-6)  # x_t may be flat

    def pseudo_inverse(self, x_t: Tensor, t: Tensor) -> Tensor:
        U, V, weights = (buffer[t].unsqueeze(1) for buffer in (self.U, self.V, self.weights))  # (B, 1, size, size), float64
        return (V @ (U.mT @ x_t.double() @ U * weights) @ V.mT).float()

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        with torch.autocast(x_t.device.type, enabled=False):
            x_t = x_t.float()
            centred = (x_t - x_t.mean((-1, -2), keepdim=True)) * self.gain[t].view(-1, 1, 1, 1)
            inverse = [self.pseudo_inverse(x_t, t)] if self.inverts else []
            return torch.cat([x_t, centred, *inverse], dim=1)  # (B, copies * C, H, W)


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
    """About 1 M parameters and under 0.1 GFLOP for a 32 x 32 image: pixel-unshuffle to half resolution, then three levels.

    forward(x_t (B, C, H, W), t (B,)) -> x0_hat (B, C, H, W), as a correction of the pseudo-inverse (or of x_t for masks);
    H and W must be divisible by 8. The last layer starts at zero. time, skips: switch off for the ablations.
    """

    def __init__(self, degrade: Degradation, channels: int, measurement: str = "float32", widths: tuple[int, int, int] = (48, 80, 160),
                 time: bool = True, skips: bool = True):
        super().__init__()
        top, middle, bottom = widths
        embedding = 2 * top
        self.channels, self.top, self.time, self.skips = channels, top, time, skips
        self.precondition = Preconditioner(degrade, measurement)
        self.embed = nn.Sequential(nn.Linear(top, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU())
        self.stem = nn.Conv2d(4 * channels * self.precondition.copies, top, 1)
        self.down = nn.ModuleList([nn.Conv2d(top, middle, 2, stride=2), nn.Conv2d(middle, bottom, 2, stride=2)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(middle, top, 2, stride=2), nn.ConvTranspose2d(bottom, middle, 2, stride=2)])
        self.encoders = nn.ModuleList([Block(width, width, embedding) for width in (top, middle)])
        self.bottom = Block(bottom, bottom, embedding)
        self.decoders = nn.ModuleList([Block(width, width, embedding) for width in (top, middle)])
        self.head = nn.Conv2d(top, 4 * channels, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        features = self.precondition(x_t, t)
        start = features[:, -self.channels:] if self.precondition.inverts else features[:, :self.channels]
        embedding = self.embed(severity_embedding(t if self.time else torch.zeros_like(t), self.top))
        x = self.stem(F.pixel_unshuffle(features, 2))  # (B, top, H/2, W/2)
        x1 = self.encoders[0](x, embedding)
        x2 = self.encoders[1](self.down[0](x1), embedding)  # (B, middle, H/4, W/4)
        x = self.bottom(self.down[1](x2), embedding)  # (B, bottom, H/8, W/8)
        x = self.decoders[1](self.up[1](x) + (x2 if self.skips else 0), embedding)
        x = self.decoders[0](self.up[0](x) + (x1 if self.skips else 0), embedding)
        return start + F.pixel_shuffle(self.head(x), 2).float()  # (B, C, H, W)


def build(recipe: Recipe, degrade: Degradation) -> nn.Module:
    """The network of a recipe, for the images its degradation was made for, with fresh weights."""
    grey = recipe.dataset in GREY_DATASETS
    channels = 1 if grey else 3
    if recipe.network == "small":
        return SmallUNet(degrade, channels, recipe.measurement, recipe.widths, time=recipe.time_input, skips=recipe.skips)
    from colddiff_nb.official import ConvNextUNet, ResNetUNet
    return ConvNextUNet(channels=channels) if grey else ResNetUNet(channels=channels, size=degrade.size)
