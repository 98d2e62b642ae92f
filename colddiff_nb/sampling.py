"""The paper's three ways from x_T back to an image (section 3): direct, Algorithm 1, Algorithm 2.

All take the same arguments. What lies beyond is in other_samplers.py.

    restore: the network R: restore(x_s, s, start) -> x0_hat, with the severities (B,) of x_s and of x_T.
    degrade: D with its randomness drawn: degrade(x0, s) -> x_s.
    x_T: the degraded images (B, C, H, W).
    T: the severity of x_T, by default degrade.T; or the falling severities to visit, such as [40, 3, 2, 1].
        A ValueError outside 1..degrade.T.
    trajectory: return a Trajectory of all states instead of x_0 (B, C, H, W). Nothing is clamped.
"""
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from operator import index
from typing import Any

import torch
from torch import Tensor

Restore = Callable[[Tensor, Tensor, Tensor], Tensor]
Steps = int | Sequence[int] | None


def direct(restore: Restore, degrade: Any, x_T: Tensor, T: Steps = None, trajectory: bool = False) -> Any:
    """Direct reconstruction. Ask the network once: x_0 = R(x_T, T)."""
    return iterate(lambda x_s, x0_hat, *s: x0_hat, restore, x_T, severities(degrade, T)[:1], trajectory)


def algorithm1(restore: Restore, degrade: Any, x_T: Tensor, T: Steps = None, trajectory: bool = False) -> Any:
    """Algorithm 1 (naive). For s = T..1 with x0_hat = R(x_s, s): x_{s-1} = D(x0_hat, s - 1)."""
    def update(x_s: Tensor, x0_hat: Tensor, s: int, s_next: int) -> Tensor:
        return degrade(x0_hat, s_next)
    return iterate(update, restore, x_T, severities(degrade, T), trajectory)


def algorithm2(restore: Restore, degrade: Any, x_T: Tensor, T: Steps = None, trajectory: bool = False) -> Any:
    """Algorithm 2 (improved). As above, but x_{s-1} = x_s - D(x0_hat, s) + D(x0_hat, s - 1)."""
    def update(x_s: Tensor, x0_hat: Tensor, s: int, s_next: int) -> Tensor:
        x0_hat = x0_hat.double()  # T small differences add up: in float32 so would their rounding
        return x_s - degrade(x0_hat, s) + degrade(x0_hat, s_next)
    return iterate(update, restore, x_T, severities(degrade, T), trajectory)


SAMPLERS = {"direct": direct, "algorithm1": algorithm1, "algorithm2": algorithm2}


@dataclass(frozen=True)
class Trajectory:
    """Every state of one sampling: x0_hat[k] was predicted from x[k], whose severity is severities[k]."""
    x: list[Tensor]  # x_T, ..., x_0
    severities: list[int]
    x0_hat: list[Tensor]

    @property
    def result(self) -> Tensor:
        return self.x[-1]


def severities(degrade: Any, T: Steps) -> list[int]:
    """Return the severities to visit; raise ValueError unless they fall within degrade.T..1."""
    asked = degrade.T if T is None else T
    with suppress(TypeError):  # of what is no whole number
        visited = ([*map(index, asked)] if isinstance(asked, Sequence)
                   else [*range(min(index(asked), degrade.T + 1), 0, -1)])
        if visited and all(a > b for a, b in pairwise([degrade.T + 1, *visited, 0])):
            return visited
    raise ValueError(f"T = {T!r}: give a severity in 1..{degrade.T}, or falling ones: [{degrade.T}, 1]")


@torch.no_grad()
def iterate(update: Any, restore: Any, x_T: Tensor, visited: list[int], trajectory: bool) -> Any:
    """Ask restore in eval mode, and let update(x_s, x0_hat, s, s_next) make each next state in float64."""
    training = [part for part in getattr(restore, "modules", tuple)() if part.training]
    start = torch.full((len(x_T),), visited[0], device=x_T.device)
    x_s, states, guesses = x_T.double(), [x_T], []
    try:
        for part in training:
            part.training = False
        for s, s_next in pairwise([*visited, 0]):
            x0_hat = restore(x_s.to(x_T.dtype), torch.full_like(start, s), start)
            x_s = update(x_s, x0_hat, s, s_next)
            if trajectory:
                guesses.append(x0_hat)
                states.append(x_s.to(x_T.dtype))
    finally:
        for part in training:
            part.training = True
    return Trajectory(states, visited, guesses) if trajectory else x_s.to(x_T.dtype)
