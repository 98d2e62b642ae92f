"""`check_degradation`: what is wrong with a degradation of your own, in words."""
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from colddiff_nb.degradations.contract import Degradation, DrawnDegradation


def check_degradation(degrade: Degradation, channels: int = 1, bounded: bool = True) -> list[str]:
    """Try a degradation on three random images, and return what is wrong with it, a sentence each.

    Args:
        channels: of the images.
        bounded: False lets D leave [-1, 1], as noise does.
    """
    T = degrade.T
    shape = (3, channels, degrade.size, degrade.size)
    x0 = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mixed = torch.tensor([1, T, (T + 1) // 2])

    def draw() -> DrawnDegradation:
        return degrade.draw(3, torch.Generator().manual_seed(0))

    def same(a: Tensor, b: Tensor, atol: float = 0) -> bool:
        return torch.allclose(a, b, rtol=0, atol=atol, equal_nan=True)

    def in_bfloat16() -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return drawn(x0, T)

    drawn = draw()
    checks: dict[str, Callable[[], bool]] = {
        "D(x0, 0) is not x0, bit for bit: leave `forward` and `degrade` as they are, and give `apply_at`":
            lambda: torch.equal(drawn(x0, 0), x0) and torch.equal(drawn(x0, 0 * mixed), x0),
        "D(x0, t) is not a float32 tensor of the shape of x0":
            lambda: drawn(x0, T).dtype == torch.float32 and drawn(x0, T).shape == x0.shape,
        f"D(x0, {T}) is x0: the largest severity changes nothing":
            lambda: not torch.equal(drawn(x0, T), x0),
        "a batch with one t for each image differs from its images one by one: t is a LongTensor (B,), "
        "use t.view(-1, 1, 1, 1)":
            lambda: same(drawn(x0, mixed), torch.cat(
                [drawn[i:i + 1](x0[i:i + 1], t) for i, t in enumerate(mixed.tolist())]), atol=1e-5),
        "two calls differ: take what is random from `draw_randomness(n, generator)`, not inside `apply_at`":
            lambda: same(drawn(x0, T), draw()(x0, T)),
        "values are not finite":
            lambda: all(bool(drawn(x0, t).isfinite().all()) for t in range(T + 1)),
        "values leave [-1, 1], where 8 bits cut them off; if that is meant: "
        "check_degradation(D, bounded=False)":
            lambda: not bounded or all(drawn(x0.sign(), t).abs().max() <= 1 + 1e-5 for t in range(T + 1)),
        "inside torch.autocast the result differs: `apply_at` must not switch autocast on":
            lambda: same(in_bfloat16(), drawn(x0, T)) or not same(drawn(x0, T), drawn(x0, T)),
    }
    try:
        drawn(x0, T)
    except Exception as error:  # one sentence instead of eight
        return [f"D(x0, {T}) fails for three images: {_said(error)}; t is a LongTensor (B,), mostly used as "
                "t.view(-1, 1, 1, 1)"]
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
