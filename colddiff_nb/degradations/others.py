"""Degradations beyond the paper's tables: fading colour, noise, blur to the mean, a straight line, snow."""
from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from colddiff_nb.data.names import channels
from colddiff_nb.degradations.bases import Separable, waves
from colddiff_nb.degradations.contract import Degradation, DrawnDegradation


class Decolour(Degradation):
    """The weight of the colour is 1 - t / T: x_T is grey, 0.299 R + 0.587 G + 0.114 B in all channels."""

    luma: Tensor

    def __init__(self, size: int, options: dict[str, Any], T: int):
        if channels(options["dataset"]) == 1:
            raise ValueError(f"{options['dataset']} has no colour to lose: decolour takes a colour data set, "
                             "such as cifar10")
        super().__init__(size, options, T, luma=torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1))

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        return x0.lerp((x0 * self.luma).sum(1, keepdim=True).expand_as(x0), self.share(t, x0))


class Noise(Degradation):
    """Hot diffusion: x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) z with the cosine schedule; x_T is noise alone.

    A subclass may give another `signal` and `noise_level` (T + 1,): a little noise over a cold degradation is
    a hybrid.
    """

    signal_level: Tensor
    noise_level: Tensor

    def __init__(self, size: int, options: dict[str, Any], T: int):
        angle = (torch.arange(T + 1, dtype=torch.float64) / T + 0.008) / 1.008 * math.pi / 2
        abar = (angle.cos() / angle[0].cos()) ** 2
        levels = {"signal_level": abar.sqrt().float(), "noise_level": (1 - abar).sqrt().float()}
        super().__init__(size, options, T, **levels)
        self.channels = channels(options["dataset"])

    def draw_randomness(self, n: int, generator: torch.Generator | None) -> Tensor:
        return torch.randn(n, self.channels, self.size, self.size, generator=generator)

    def signal(self, x0: Tensor, t: Tensor) -> Tensor:
        """Return what is left of x0 at severities t (B,), without the noise."""
        return self.signal_level[t].view(-1, 1, 1, 1) * x0

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        if x0.shape[1] != self.channels:
            raise ValueError(f"images have {x0.shape[1]} channels, the noise {self.channels}: "
                             f"make({self.task!r}, dataset) with a data set like them")
        return self.signal(x0, t) + self.noise_level[t].view(-1, 1, 1, 1) * randomness

    def estimate(self, x_s: Tensor, x0_hat: Tensor, s: int) -> DrawnDegradation:
        """Return D with the noise that explains x_s, if x0_hat is right: its D(x0_hat, s) is x_s."""
        severity = torch.full((len(x_s),), s, device=x_s.device)
        return DrawnDegradation(self, (x_s - self.signal(x0_hat, severity)) / self.noise_level[s])


def blur_to_the_mean(size: int, options: dict[str, Any], T: int) -> Separable:
    """Blur on a ring by heat flow: its width grows from half a pixel to 3/4 of the image; x_T is the mean."""
    grown = 0.5 * (1.5 * size) ** torch.linspace(0, 1, T)
    widths = torch.cat([torch.zeros(1), grown]).double()  # of x_0, ..., x_T
    basis, angles = waves(size)
    steps = torch.exp(widths.square().diff().unsqueeze(1) * (angles.cos() - 1))  # (T, size)
    steps[-1, 1:] = 0  # the last step keeps the mean alone
    return Separable(basis, steps, options)


class Line(Degradation):
    """InDI: x_t = (1 - t / T) x0 + (t / T) y, where y is the last state of another degradation."""

    def __init__(self, size: int, options: dict[str, Any], T: int, end: Degradation):
        super().__init__(size, options, T)
        self.end = end

    def draw_randomness(self, n: int, generator: torch.Generator | None) -> Tensor:
        return self.end.draw_randomness(n, generator)

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        y = self.end.apply_at(x0, torch.full_like(t, self.end.T), randomness)
        return x0.lerp(y.to(x0.dtype), self.share(t, x0))


class Snow(Degradation):
    """Snow as in ImageNet-C: the image pales, and streaks, drawn once an image, cover more and more of it."""

    def draw_randomness(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Draw streaks (n, 1, size, size) of mean 0 and spread 1."""
        flakes = torch.randn(n, 1, self.size, self.size, generator=generator)
        slants = torch.randint(-1, 2, (n, 1, 1, 1), generator=generator)
        streaks = torch.zeros_like(flakes)
        for slant in (-1, 0, 1):  # each flake falls over five pixels
            fallen = torch.stack([flakes.roll((i, slant * i), (-2, -1)) for i in range(5)]).sum(0)
            streaks = torch.where(slants == slant, fallen / 5 ** 0.5, streaks)
        return streaks

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        share = self.share(t, x0)
        pale = x0.lerp(x0.clamp(min=0), 0.5 * share)
        return (pale + 2 * (randomness - 3 + 2.5 * share).clamp(0, 1)).clamp(max=1)
