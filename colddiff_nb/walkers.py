"""Images that walk through Algorithm 2 while the network is trained.

The states x_s of Algorithm 2 are not D(x0, s): the network's own predictions made them, errors included, and a network that never saw such
states adds its error to theirs, T times. So some places of a batch walk: each training step takes them one step of the sampler further,
with the prediction that training made anyway. A walker that has arrived at s = 0 starts again with the image and the severity drawn
for its place, from x_t as measured.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from colddiff_nb.contract import Degradation, Drawn


@dataclass(frozen=True)
class Batch:
    """What one optimiser step takes, drawn at random for the global batch; walkers on their way keep what is theirs, see `join`. On the CPU."""

    index: Tensor  # (B,) which images
    flip: Tensor  # (B,) bool
    t: Tensor  # (B,) severities
    drawn: Drawn  # D with its randomness fixed

    @property
    def places(self) -> tuple[Tensor, ...]:
        return self.index, self.flip, self.t, self.drawn.randomness


class Walkers:
    """n walkers, which take the first n places of every batch. `state` is what a checkpoint keeps of them."""

    def __init__(self, n: int, degrade: Degradation, channels: int, device: torch.device):
        nothing = torch.zeros(n, dtype=torch.long)
        self.state = {"index": nothing, "flip": nothing.bool(), "start": nothing, "s": nothing,
                      "randomness": degrade.draw_randomness(n, torch.Generator()),
                      "x_s": torch.zeros(n, channels, degrade.size, degrade.size, dtype=torch.float64, device=device)}

    def join(self, batch: Batch) -> None:
        """Put those still on their way into the batch, in place."""
        walking = self.state["s"].nonzero().squeeze(1)
        for place, name in zip(batch.places, ("index", "flip", "s", "randomness")):
            place[walking] = self.state[name][walking]

    def starts(self, t: Tensor) -> Tensor:
        """The severities (B,) that the places of a batch with severities t (B,) started from, on CPU.

        That is t itself but for walkers on their way."""
        n = len(self.state["s"])
        return torch.cat([torch.where(self.state["s"] > 0, self.state["start"], t[:n]), t[n:]])

    def inputs(self, x_t: Tensor) -> Tensor:
        """x_t (B, C, H, W) as measured, to what the network is shown: float64, with the walkers' own states."""
        walking = self.state["s"].nonzero().squeeze(1).to(x_t.device)
        return x_t.double().index_copy(0, walking, self.state["x_s"][walking])

    def step(self, batch: Batch, x_s: Tensor, x0_hat: Tensor) -> None:
        """One step of Algorithm 2 from x_s (B, C, H, W), float64, with the network's predictions x0_hat (B, C, H, W)."""
        n = len(self.state["s"])
        s, drawn, x0_hat = batch.t[:n], batch.drawn[:n], x0_hat[:n].double()
        self.state = {"index": batch.index[:n], "flip": batch.flip[:n], "start": self.starts(s), "s": s - 1, "randomness": drawn.randomness,
                      "x_s": x_s[:n] - drawn(x0_hat, s) + drawn(x0_hat, s - 1)}
