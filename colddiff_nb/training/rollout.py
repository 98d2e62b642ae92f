"""Training on the states that Algorithm 2 makes.

The states x_s of Algorithm 2 are not D(x0, s): the network's own predictions made them, errors included. So
the first n images of a batch are states of the sampler. Each training step moves them one step of
Algorithm 2, with the prediction that training made anyway. A place that has arrived at s = 0 starts again
from x_t as measured, with the image and the severity that were drawn for it.
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from colddiff_nb.data import to_float
from colddiff_nb.degradations import Degradation, DrawnDegradation


@dataclass(frozen=True)
class Batch:
    """What one optimiser step takes, for the global batch of B images; its first places: `Rollout.join`."""

    index: Tensor  # (B,) which images
    flip: Tensor  # (B,) bool
    shift: Tensor  # (B, 2) pixels, up and to the left
    t: Tensor  # (B,) severities
    start: Tensor  # (B,) severities that were measured: t itself but in a rollout on its way
    drawn: DrawnDegradation  # D with its randomness fixed

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device, which nobody waits for."""
        def move(values: Tensor) -> Tensor:
            return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values
        index, flip, shift = move(self.index), move(self.flip), move(self.shift)
        drawn = replace(self.drawn, randomness=move(self.drawn.randomness))
        return Batch(index, flip, shift, move(self.t), move(self.start), drawn)

    def originals(self, pixels: Tensor) -> Tensor:
        """Return x0 (B, C, size, size), in [-1, 1]: of uint8 pixels (N, C, size, size) on the same device."""
        C, size = pixels.shape[1:3]
        places = torch.arange(size, device=pixels.device)
        rows, columns = (reflected(places + by, size) for by in self.shift.split(1, dim=1))  # (B, size)
        columns = torch.where(self.flip[:, None], size - 1 - columns, columns)
        return to_float(pixels[self.index.view(-1, 1, 1, 1), places[:C, None, None],
                               rows[:, None, :, None], columns[:, None, None]])


def reflected(places: Tensor, size: int) -> Tensor:
    """Return which of the places 0..size-1 those beyond them show, as in a mirror at the edge."""
    last = size - 1
    return last - (last - places.abs()).abs()


class Rollout:
    """Takes the first n places of every batch through Algorithm 2; s = 0 where one starts anew."""

    def __init__(self, n: int, degrade: Degradation, channels: int, device: torch.device):
        zeros = torch.zeros(n, dtype=torch.long, device=device)
        x_s = torch.zeros(n, channels, degrade.size, degrade.size, dtype=torch.float64, device=device)
        self.n = n
        self.state = {"index": zeros, "flip": zeros.bool(), "shift": zeros.new_zeros(n, 2),
                      "start": zeros, "s": zeros, "x_s": x_s,
                      "randomness": degrade.draw(n, torch.Generator()).randomness.to(device)}

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps."""
        return self.state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what a checkpoint kept; older ones know no shift."""
        state = {"shift": self.state["shift"]} | state
        self.state = {name: state[name].to(values.device) for name, values in self.state.items()}

    def places(self, batch: Batch) -> dict[str, Tensor]:
        """Return the first n places of a batch, by their names in the state."""
        parts = {"index": batch.index, "flip": batch.flip, "shift": batch.shift, "start": batch.start,
                 "s": batch.t, "randomness": batch.drawn.randomness}
        return {name: part[:self.n] for name, part in parts.items()}

    def join(self, batch: Batch) -> None:
        """Put those still on their way into a batch on the same device, in place."""
        walking = self.state["s"] > 0
        for name, place in self.places(batch).items():
            mask = walking.view(-1, *[1] * (place.ndim - 1))
            place.copy_(torch.where(mask, self.state[name], place))

    def inputs(self, batch: Batch, x_t: Tensor) -> Tensor:
        """Put the rollout's own states into x_t (B, C, H, W) as measured; returns float64."""
        on_its_way = (batch.t < batch.start)[:self.n].view(-1, 1, 1, 1)
        x_t = x_t.double()
        return torch.cat([torch.where(on_its_way, self.state["x_s"], x_t[:self.n]), x_t[self.n:]])

    def step(self, batch: Batch, x_s: Tensor, x0_hat: Tensor) -> None:
        """Take one step of Algorithm 2 from the states x_s by the predictions x0_hat, both (B, C, H, W)."""
        s, drawn, x0_hat = batch.t[:self.n], batch.drawn[:self.n], x0_hat[:self.n].double()
        x_s = x_s[:self.n] - drawn(x0_hat, s) + drawn(x0_hat, s - 1)
        self.state = self.places(batch) | {"s": s - 1, "x_s": x_s}
