"""What the small network sees: x_t and what little of x0 it tells, as float32 channels of order 1."""
from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from colddiff_nb.degradations.bases import Separable
from colddiff_nb.degradations.contract import Degradation

# Standard deviation of the rounding error of a measurement of order 1: what float32 leaves after D, and that of 256 levels in [-1, 1].
# A preconditioner tuned to float32 reads details that 8 bits have erased, and takes rounding for signal when given 8 bits.
NOISE = {"float32": 2e-8, "8bit": 2 / 255 / 12 ** 0.5, "both": 2e-8}
LEAST_SPREAD = 0.01  # of a coefficient: one that never moved in the images looked at may do so in others


class Preconditioner(nn.Module):
    """Turns what little a severe degradation leaves into float32 channels of order 1, before anything is rounded to bfloat16.

    Channels: x_t; (x_t - its mean) * gain(t); for blur and pixelation an estimate of x0, `lmmse_estimate`; for all others the
    logarithm of x_t with its sign, in which attenuation by a mask is a smooth sum: asinh(x_t / noise), scaled.
    """

    gain: Tensor
    mean: Tensor
    spread: Tensor

    def __init__(self, degrade: Degradation, channels: int, measurement_precision: str):
        super().__init__()
        self.noise = NOISE[measurement_precision]
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

    def lmmse_estimate(self, x_t: Tensor, t: Tensor) -> Tensor:
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
            exact = x_t.double()  # a gain of thousands would amplify the rounding of a float32 mean
            centred = ((exact - exact.mean((-1, -2), keepdim=True)) * self.gain[t].view(-1, 1, 1, 1)).float()
            amplified = self.lmmse_estimate(x_t, t) if self.inverts else torch.asinh(x_t / self.noise) / math.asinh(1 / self.noise)
            return torch.cat([x_t, centred, amplified], dim=1)  # (B, 3 C, H, W)
