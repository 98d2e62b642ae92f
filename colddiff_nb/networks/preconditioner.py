"""What the small network sees: x_t and what little of x0 it tells, as float32 channels of order 1."""
from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from colddiff_nb.degradations import Degradation
from colddiff_nb.degradations.bases import Separable

# Standard deviation of the rounding of x_T: what float32 leaves after D, and that of 256 levels in [-1, 1]. A
# preconditioner made for float32 reads details that 8 bits have erased, and takes rounding for signal.
NOISE = {"float32": 2e-8, "8bit": 2 / 255 / 12 ** 0.5, "both": 2e-8}
LEAST_SPREAD = 0.01  # of a coefficient: one that never moved in the images looked at may do so in others


class Preconditioner(nn.Module):
    """Turn what a severe degradation leaves into channels of order 1, before anything is rounded to bfloat16.

    Channels: x_t; (x_t - its mean) * gain(t); for blur and pixelation `lmmse_estimate`; for all others the
    logarithm of x_t with its sign, in which attenuation by a mask is a smooth sum.
    """

    gain: Tensor  # (T + 1,)
    mean: Tensor  # (channels, size, size), the mean image
    spread: Tensor  # (size, size), standard deviation of each coefficient about the mean's

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
        """Learn gain, mean and spread from training images x0 (n, C, H, W)."""
        drawn = degrade.draw(len(x0), torch.Generator().manual_seed(0))
        for t in range(degrade.T + 1):
            x_t = drawn(x0, t)
            within_an_image = (x_t - x_t.mean((-1, -2), keepdim=True)).std()
            self.gain[t] = 1 / within_an_image.clamp(min=1e-6)  # x_t may be flat
        if self.inverts:
            self.mean.copy_(x0.mean(0))
            spread = self.linear.analyse(x0 - self.mean).square().mean((0, 1)).sqrt()
            self.spread.copy_(spread.clamp(min=LEAST_SPREAD))

    def lmmse_estimate(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the best linear estimate of x0 (B, C, H, W) that takes its coefficients as independent."""
        gains, mean = self.linear.gains_at(t), self.linear.analyse(self.mean)
        variance, offset = self.spread.double().square(), self.linear.analyse(x_t) - gains * mean
        weight = gains * variance / (gains.square() * variance + self.noise ** 2)
        return self.linear.synthesise(mean + weight * offset).float()

    def unmeasured(self, correction: Tensor, t: Tensor) -> Tensor:
        """Return what of a correction (B, C, H, W) concerns coefficients that x_t does not tell.

        The others stay as measured, to their last digit: from a handful of exact numbers the network infers a
        whole image.
        """
        signal = (self.linear.gains_at(t) * self.spread).square()
        trust = signal / (signal + self.noise ** 2)  # 0 (lost in rounding) to 1
        return self.linear.synthesise((1 - trust) * self.linear.analyse(correction)).float()

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the channels (B, 3 C, H, W) of x_t (B, C, H, W) at severities t (B,)."""
        with torch.autocast(x_t.device.type, enabled=False):
            x_t = x_t.float()
            exact = x_t.double()  # a gain of thousands would amplify the rounding of a float32 mean
            centred = (exact - exact.mean((-1, -2), keepdim=True)) * self.gain[t].view(-1, 1, 1, 1)
            amplified = self.lmmse_estimate(x_t, t) if self.inverts \
                else torch.asinh(x_t / self.noise) / math.asinh(1 / self.noise)
            return torch.cat([x_t, centred.float(), amplified], dim=1)
