"""`check_degradation`: what is wrong with a degradation of your own, in words."""
from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from colddiff_nb.degradations.contract import Degradation, DrawnDegradation

MIXED = "t is a LongTensor (B,), use t.view(-1, 1, 1, 1)"


def check_degradation(degrade: Degradation, channels: int = 1, bounded: bool = True) -> list[str]:
    """Use a degradation as trainings and samplers do, and return what is wrong with it, a sentence each.

    Args:
        channels: of the four random images that it is tried on.
        bounded: False lets D leave [-1, 1], as noise does.
    """
    T, size = degrade.T, degrade.size
    x0 = torch.rand(4, channels, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mixed = torch.tensor([1, T, (T + 1) // 2, 0])

    def drawn(D: Degradation = degrade) -> DrawnDegradation:
        return D.draw(len(x0), torch.Generator().manual_seed(0))

    def one_by_one() -> Tensor:
        images = (slice(i, i + 1) for i in range(len(x0)))
        return torch.cat([drawn()[image](x0[image], mixed[image]) for image in images])

    def works_on_a_gpu() -> bool:
        return drawn(copy.deepcopy(degrade).to("cuda"))(x0.to("cuda"), mixed).is_cuda

    def same(a: Tensor, b: Tensor) -> bool:
        return torch.allclose(a, b, rtol=0, atol=1e-5, equal_nan=True)

    given = x0.clone()
    try:
        x_T = drawn()(given, T)
    except Exception as error:  # one sentence instead of many
        return [f"D(x0, {T}) fails for four images: {_said(error)}; {MIXED}"]
    if not torch.equal(given, x0):
        return ["x0 is changed in place: make new tensors, or begin with x0 = x0.clone()"]
    checks: dict[str, Callable[[], bool]] = {
        f"D(x0, {T}) is x0: the largest severity changes nothing":
            lambda: not torch.equal(x_T, x0),
        f"a batch with one t for each image differs from its images one by one: {MIXED}":
            lambda: same(drawn()(x0, mixed), one_by_one()),
        "two calls differ: take what is random from `draw_randomness(n, generator)`, not inside `apply_at`":
            lambda: same(drawn()(x0, T), x_T),
        "it takes no images in float64, in which trainings keep the states of Algorithm 2: "
        "give kernels and tables their type, kernel.to(x0)":
            lambda: drawn()(x0.double(), mixed).dtype == torch.float64,
        "on a GPU it fails: keep tensors by `register_buffer`, or move them where they are used, "
        "kernel.to(x0)":
            lambda: not torch.cuda.is_available() or works_on_a_gpu(),
        "values are not finite":
            lambda: all(bool(drawn()(x0, t).isfinite().all()) for t in range(T + 1)),
        "values leave [-1, 1], where 8 bits cut them off; if that is meant: "
        "check_degradation(D, bounded=False)":
            lambda: not bounded or all(drawn()(x0.sign(), t).abs().max() <= 1 + 1e-5 for t in range(T + 1)),
    }
    wrong = []
    for sentence, holds in checks.items():
        try:
            if not holds():
                wrong.append(sentence)
        except Exception as error:  # an `apply_at` of the reader's may fail in any way
            wrong.append(f"{sentence} ({_said(error)})")
    return wrong


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: " + str(error).partition("\n")[0]
