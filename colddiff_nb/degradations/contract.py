"""What a degradation is.

`Degradation` to subclass, `DrawnDegradation` with its randomness fixed, and `check_degradation`, which says in words what is wrong
with one of your own:

    class Fade(Degradation):
        def __init__(self, size, options, T):
            super().__init__(T, size, options)

        def apply_at(self, x0, t, randomness):  # t is a LongTensor (B,)
            return x0 * (1 - t / self.T).view(-1, 1, 1, 1)

    degradations.register("fade", Fade, T=20)  # now make("fade") and recipe("quick", "fade", "mnist5k") find it
    assert not check_degradation(make("fade"))
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, SupportsIndex

import torch
from torch import Tensor, nn

from colddiff_nb.data.names import check_whole

TRUSTED = {"float32": 1e-6, "8bit": 0.05}  # by precision of x_T: smallest gain at which dividing by it does not amplify rounding too far


class Degradation(nn.Module):
    """D of one task. `options` are plain values: `make(**options)` builds the same degradation again.

    A subclass gives `apply_at(x0, t, randomness)` for t in 0..T. Where it has randomness it also overrides
    `draw_randomness(n, generator)`, a tensor whose first dimension is n: then D must be drawn before it is called. Where part of
    x0 can be read off x_t, it may give `project_at(x0_hat, x_t, t, randomness, measurement_precision)`, see `DrawnDegradation.project`.
    """

    def __init__(self, T: int, size: int, options: dict[str, Any]):
        super().__init__()
        self.T, self.size, self.options = T, size, options
        self.task: str = options["task"]

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} gives no apply_at(x0, t, randomness)")

    def project_at(self, x0_hat: Tensor, x_t: Tensor, t: int, randomness: Tensor, measurement_precision: str) -> Tensor:
        raise ValueError(f"{self.task} has no projection: nothing of x0 can be read off its x_t for certain")

    def draw_randomness(self, n: int, generator: torch.Generator | None) -> Tensor:
        return torch.zeros(n, 0)

    @property
    def random(self) -> bool:
        return self.draw_randomness(0, None).shape[1:] != (0,)

    def draw(self, n: int, generator: torch.Generator | None = None) -> DrawnDegradation:
        """Fix the randomness (mask centres) for n images; Algorithm 2 needs the same draw at s and s - 1."""
        check_whole(n, 0, 2 ** 24, f"n = {n!r}: give the number of images, 0 or more and at most {2 ** 24:,}")
        return DrawnDegradation(self, self.draw_randomness(n, generator))

    def forward(self, x0: Tensor, t: int | Tensor) -> Tensor:
        """x0 (B, C, size, size) degraded with severity t: same shape, float32, or float64 where x0 is."""
        return self.undrawn(x0)(x0, t)

    def project(self, x0_hat: Tensor, x_T: Tensor, t: int | None = None, measurement_precision: str = "float32") -> Tensor:
        """x0_hat made to agree with x_T: see `DrawnDegradation.project`."""
        return self.undrawn(x0_hat).project(x0_hat, x_T, t, measurement_precision)

    def undrawn(self, x0: Tensor) -> DrawnDegradation:
        """What `draw` gives where nothing is random; else a ValueError."""
        if self.random:
            raise ValueError(f"{self.task} is random: fix its randomness first, degrade.draw({len(x0)}, generator)(x0, t)")
        return DrawnDegradation(self, torch.zeros(len(x0), 0))

    def degrade(self, x0: Tensor, t: int | Tensor, randomness: Tensor) -> Tensor:
        severity = self.check(x0, t).to(x0.device)
        if isinstance(t, int) and t == 0:
            return x0
        with torch.autocast(x0.device.type, enabled=False):  # autocast would turn D into bfloat16
            x0 = x0 if x0.dtype == torch.float64 else x0.float()
            x_t = self.apply_at(x0, severity, randomness.to(x0.device))
            return torch.where(severity.view(-1, 1, 1, 1) == 0, x0, x_t)

    def check(self, x0: Tensor, t: int | Tensor) -> Tensor:
        """t as a LongTensor (B,); a one-line ValueError for images or severities that D is not made for."""
        if not isinstance(x0, Tensor):
            raise ValueError(f"images are a {type(x0).__name__}: give a tensor (B, C, {self.size}, {self.size}) in [-1, 1]")
        if x0.ndim != 4 or x0.shape[-2:] != (self.size, self.size):
            raise ValueError(f"images have shape {tuple(x0.shape)}; {self.task} was made for (B, C, {self.size}, {self.size}): "
                             "resize them, or make(..., size=...)")
        if not x0.is_floating_point():
            raise ValueError(f"images are {x0.dtype}; give floating point in [-1, 1]: data.to_float(pixels)")
        if isinstance(t, SupportsIndex) and not isinstance(t, Tensor):
            check_whole(t, 0, self.T, f"t = {t}..{t} lies outside 0..{self.T}, the severities of this {self.task}")
            t = torch.full((len(x0),), int(t))
        if not isinstance(t, Tensor) or t.shape != (len(x0),) or t.dtype not in (torch.int64, torch.int32):
            kind = f"{t.dtype} {tuple(t.shape)}" if isinstance(t, Tensor) else repr(t)
            raise ValueError(f"t is {kind}; give an int or a LongTensor ({len(x0)},)")
        if not t.is_cuda and len(t) and (t.min() < 0 or t.max() > self.T):  # reading a CUDA tensor would wait for the device
            raise ValueError(f"t = {int(t.min())}..{int(t.max())} lies outside 0..{self.T}, the severities of this {self.task}")
        return t


@dataclass(frozen=True)
class DrawnDegradation:
    """A degradation whose randomness is fixed for n images: call it, take its len, slice it as you slice the images."""

    degrade: Degradation
    randomness: Tensor  # (n, ...)

    @property
    def T(self) -> int:
        return self.degrade.T

    def __len__(self) -> int:
        return len(self.randomness)

    def __getitem__(self, images: slice) -> DrawnDegradation:
        return DrawnDegradation(self.degrade, self.randomness[images])

    def __call__(self, x0: Tensor, t: int | Tensor) -> Tensor:
        if isinstance(x0, Tensor) and x0.ndim and len(x0) != len(self):
            raise ValueError(f"{len(x0)} images meet a draw for {len(self)}: slice the draw as you slice the images, drawn[a:b]")
        return self.degrade.degrade(x0, t, self.randomness)

    def project(self, x0_hat: Tensor, x_T: Tensor, t: int | None = None, measurement_precision: str = "float32") -> Tensor:
        """x0_hat with what x_T = D(x0, t) tells for certain put in: block means of pixelation, pixels that a mask lets through (above
        0.05), frequencies that a blur keeps (gain above TRUSTED[measurement_precision]). What x_T does not tell stays that of x0_hat.

        x0_hat, x_T (B, C, size, size); t: severity of x_T, by default T; measurement_precision: how x_T was rounded. For pixelation by area from
        an exact x_T this is an orthogonal projection onto a set that holds x0: no pixel-wise error of x0_hat can rise. Raises
        ValueError where D tells nothing for certain (noise, snow)."""
        t = self.T if t is None else t
        check_measurement_precision(measurement_precision)
        self.degrade.check(x_T, t)
        with torch.autocast(x_T.device.type, enabled=False):
            return self.degrade.project_at(x0_hat.float(), x_T.float(), t, self.randomness.to(x_T.device), measurement_precision)


def check_images(x: Tensor, channels: int, multiple: int, size: int | None = None) -> None:
    """Raise ValueError for images x (B, C, H, W) that a network cannot take.

    H and W must be multiples of `multiple`; with `size` they must be that."""
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(f"images have shape {tuple(x.shape)}: this network takes (B, {channels}, H, W)")
    H, W = x.shape[-2:]
    if H % multiple or W % multiple:
        raise ValueError(f"images of {H} x {W} do not fit this network: use multiples of {multiple}")
    if size and (H, W) != (size, size):
        raise ValueError(f"images of {H} x {W} do not fit this network: it was made for {size} x {size}")


def check_measurement_precision(measurement_precision: str) -> None:
    if not isinstance(measurement_precision, str) or measurement_precision not in TRUSTED:
        raise ValueError(f"unknown measurement_precision {measurement_precision!r}: choose {' or '.join(TRUSTED)}")


def check_degradation(degrade: Degradation, channels: int = 1, bounded: bool = True) -> list[str]:
    """What is wrong with a degradation, a sentence each, tried on three random images; an empty list where nothing is.

    channels: of the images. bounded=False: D may leave [-1, 1], as noise does."""
    def draw() -> DrawnDegradation:
        return degrade.draw(3, torch.Generator().manual_seed(0))

    def in_bfloat16() -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return drawn(x0, T)

    def steady(a: Tensor, b: Tensor) -> bool:
        return torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)

    T, drawn = degrade.T, draw()
    x0 = torch.rand(3, channels, degrade.size, degrade.size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mixed = torch.tensor([1, T, (T + 1) // 2])
    checks = {
        "D(x0, 0) is not x0, bit for bit: leave `forward` and `degrade` as they are, and give `apply_at`":
            lambda: all(torch.equal(drawn(x0, zero), x0) for zero in (0, torch.zeros(3, dtype=torch.long))),
        "D(x0, t) is not a float32 tensor of the shape of x0":
            lambda: drawn(x0, T).dtype == torch.float32 and drawn(x0, T).shape == x0.shape,
        f"D(x0, {T}) is x0: the largest severity changes nothing": lambda: not torch.equal(drawn(x0, T), x0),
        "a batch with one t for each image differs from its images one by one: t is a LongTensor (B,), use t.view(-1, 1, 1, 1)":
            lambda: all(torch.allclose(drawn(x0, mixed)[i], drawn[i:i + 1](x0[i:i + 1], int(mixed[i]))[0], atol=1e-5) for i in range(3)),
        "two calls differ: take what is random from `draw_randomness(n, generator)`, not inside `apply_at`":
            lambda: steady(drawn(x0, T), draw()(x0, T)),
        "values are not finite": lambda: all(bool(drawn(x0, t).isfinite().all()) for t in range(T + 1)),
        "values leave [-1, 1], where 8 bits cut them off; if that is meant: check_degradation(D, bounded=False)":
            lambda: not bounded or all(drawn(x0.sign(), t).abs().max() <= 1 + 1e-5 for t in range(T + 1)),
        "inside torch.autocast the result differs: `apply_at` must not switch autocast on": lambda: steady(in_bfloat16(), drawn(x0, T))
            or not steady(drawn(x0, T), drawn(x0, T))}
    try:
        drawn(x0, T)
    except Exception as error:  # one sentence instead of eight
        return [f"D(x0, {T}) fails for three images: {_said(error)}; t is a LongTensor (B,), mostly used as t.view(-1, 1, 1, 1)"]
    wrong = []
    for sentence, holds in checks.items():
        try:
            if not holds():
                wrong.append(sentence)
        except Exception as error:  # an `apply_at` of the reader's may fail in any way
            wrong.append(f"{sentence} ({_said(error)})")
    return wrong


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
