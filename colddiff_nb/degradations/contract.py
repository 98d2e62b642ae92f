"""What a degradation D(x0, t) is: `Degradation` to subclass, `DrawnDegradation` with its randomness fixed.

One of your own:

    class Fade(Degradation):
        def apply_at(self, x0, t, randomness):
            return x0 * (1 - self.share(t, x0))

    degradations.register("fade", Fade, T=20)  # now make("fade") and recipe("quick", "fade", ...) find it
    assert not check_degradation(make("fade"))
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from colddiff_nb.data.names import check_choice

PRECISIONS = ("float32", "8bit")  # in which x_T can be measured


class Degradation(nn.Module):
    """D of one task, for images (B, C, size, size) in [-1, 1] and severities 0..T.

    A subclass gives `apply_at`. If it is random it also gives `draw_randomness`, and must be drawn before it
    is called. Where part of x0 can be read off x_t, it may give `project_at`.

    Args:
        options: plain values; `make(**options)` builds the same degradation again.
        buffers: tensors that move with D and are not saved, by name.
    """

    def __init__(self, size: int, options: dict[str, Any], T: int, **buffers: Tensor):
        super().__init__()
        self.T, self.size, self.options = T, size, options
        self.task: str = options["task"]
        for name, buffer in ({"place": torch.empty(0)} | buffers).items():
            self.register_buffer(name, buffer, persistent=False)

    @property
    def device(self) -> torch.device:
        return next(self.buffers()).device

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        """Degrade x0 (B, C, size, size), float32 or float64, with severities t (B,), B at least 1.

        What it returns for severity 0 is not used: D(x0, 0) is x0 bit for bit.

        Args:
            randomness: what `draw_randomness` gave for these images, (B, ...).
        """
        raise NotImplementedError(f"{type(self).__name__} gives no apply_at(x0, t, randomness)")

    def project_at(self, x0_hat: Tensor, x_t: Tensor, t: Tensor, randomness: Tensor,
                   measurement_precision: str) -> Tensor:
        """Put into x0_hat what x_t tells of x0 for certain: see `DrawnDegradation.project`."""
        raise ValueError(f"{self.task} has no projection: nothing of x0 can be read off its x_t for certain")

    def draw_randomness(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Draw what is random for n images, 1 or more: (n, ...)."""
        return torch.zeros(n, 0)

    def share(self, t: Tensor, x0: Tensor) -> Tensor:
        """Return t / T (B, 1, 1, 1), which multiplies images."""
        return t.view(-1, 1, 1, 1).to(x0.dtype) / self.T

    @property
    def random(self) -> bool:
        """Whether D must be drawn before it is called."""
        return self.draw_randomness(1, torch.Generator()).shape[1:] != (0,)

    def draw(self, n: int, generator: torch.Generator | None = None) -> DrawnDegradation:
        """Fix the randomness for n images: Algorithm 2 needs the same draw at s and s - 1."""
        return DrawnDegradation(self, self.draw_randomness(max(n, 1), generator)[:n])

    def undrawn(self, x0: Tensor) -> DrawnDegradation:
        """Return the draw of a deterministic degradation; raise ValueError if it is random."""
        if self.random:
            raise ValueError(f"{self.task} is random: fix its randomness first, "
                             f"degrade.draw({len(x0)}, generator)(x0, t)")
        return self.draw(len(x0))

    def forward(self, x0: Tensor, t: int | Tensor) -> Tensor:
        """Degrade x0 (B, C, size, size) with severity t, an int or (B,): float32, or float64 as x0."""
        return self.undrawn(x0)(x0, t)

    def project(self, x0_hat: Tensor, x_T: Tensor, t: int | Tensor | None = None,
                measurement_precision: str = "float32") -> Tensor:
        """Make x0_hat agree with x_T: see `DrawnDegradation.project`."""
        return self.undrawn(x0_hat).project(x0_hat, x_T, t, measurement_precision)

    def check(self, x0: Tensor, t: int | Tensor) -> Tensor:
        """Return t as a LongTensor (B,); raise ValueError for images or severities that D is not made for."""
        floating = isinstance(x0, Tensor) and x0.is_floating_point()
        if not floating or x0.ndim != 4 or x0.shape[-2:] != (self.size, self.size):
            given = f"{x0.dtype} {tuple(x0.shape)}" if isinstance(x0, Tensor) else f"a {type(x0).__name__}"
            fitting = f"(B, C, {self.size}, {self.size})"
            raise ValueError(f"images are {given}; this {self.task} takes floats {fitting} in [-1, 1]: "
                             "data.to_float(pixels), or make(..., size=...)")
        t = torch.as_tensor(t)
        t = t if t.ndim else t.expand(len(x0))
        if t.shape != (len(x0),) or t.dtype not in (torch.int64, torch.int32):
            raise ValueError(f"t is {t.dtype} {tuple(t.shape)}; give an int or a LongTensor ({len(x0)},)")
        # To read a CUDA tensor would wait for the device.
        if not t.is_cuda and len(t) and not 0 <= t.min() <= t.max() <= self.T:
            raise ValueError(f"t = {int(t.min())}..{int(t.max())} lies outside 0..{self.T}, "
                             f"the severities of this {self.task}")
        return t


@dataclass(frozen=True)
class DrawnDegradation:
    """A degradation whose randomness is fixed for n images: slice it as you slice the images."""

    degrade: Degradation
    randomness: Tensor  # (n, ...)

    @property
    def T(self) -> int:
        return self.degrade.T

    def __len__(self) -> int:
        return len(self.randomness)

    def __getitem__(self, images: slice) -> DrawnDegradation:
        return DrawnDegradation(self.degrade, self.randomness[images])

    def check(self, x: Tensor, t: int | Tensor) -> Tensor:
        """Return t as a LongTensor (n,) on x's device; raise ValueError unless x are n fitting images."""
        severity = self.degrade.check(x, t).to(x.device)
        if len(x) != len(self):
            raise ValueError(f"{len(x)} images meet a draw for {len(self)}: "
                             "slice the draw as you slice the images, drawn[a:b]")
        return severity

    def __call__(self, x0: Tensor, t: int | Tensor) -> Tensor:
        """Degrade x0 with severity t: see `Degradation.forward`."""
        severity = self.check(x0, t)
        if len(x0) == 0 or isinstance(t, int) and t == 0:
            return x0
        with torch.autocast(x0.device.type, enabled=False):  # autocast would turn D into bfloat16
            x0 = x0 if x0.dtype == torch.float64 else x0.float()
            x_t = self.degrade.apply_at(x0, severity, self.randomness.to(x0.device))
            return torch.where(severity.view(-1, 1, 1, 1) == 0, x0, x_t.to(x0.dtype))

    def project(self, x0_hat: Tensor, x_T: Tensor, t: int | Tensor | None = None,
                measurement_precision: str = "float32") -> Tensor:
        """Put into x0_hat what x_T = D(x0, t) tells for certain; what x_T does not tell stays.

        Told are block means of pixelation, waves that a blur keeps, pixels that a mask lets through. For
        pixelation from an exact x_T this is an orthogonal projection onto a set that holds x0: no error of
        x0_hat can rise (DDNM, arXiv 2212.00490).

        Args:
            t: severity of x_T, an int or (n,), by default T.
            measurement_precision: how x_T was rounded, one of PRECISIONS.

        Raises:
            ValueError: D tells nothing for certain (noise, snow), or the images do not fit.
        """
        check_choice("measurement_precision", measurement_precision, PRECISIONS)
        severity = self.check(x_T, self.T if t is None else t)
        if x0_hat.shape != x_T.shape:
            raise ValueError(f"x0_hat is {tuple(x0_hat.shape)}, x_T {tuple(x_T.shape)}: give both alike")
        with torch.autocast(x_T.device.type, enabled=False):
            return self.degrade.project_at(x0_hat.float(), x_T.float(), severity,
                                           self.randomness.to(x_T.device), measurement_precision)
