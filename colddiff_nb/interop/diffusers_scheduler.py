"""Algorithms 1 and 2 as a scheduler of diffusers."""
from __future__ import annotations

from typing import Any

import torch
from diffusers import SchedulerMixin
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.schedulers.scheduling_utils import SchedulerOutput
from torch import Tensor

from colddiff_nb.degradations.contract import DrawnDegradation
from colddiff_nb.degradations.tasks import make


class ColdScheduler(SchedulerMixin, ConfigMixin):
    """Take the steps of Algorithm 1 or 2 for a network that predicts x0.

    timesteps are severities, T down to 1; 0 is the image. For training draw from 1..T, not from 0..T - 1.
    Where D is random, set `drawn = degrade.draw(n, generator)` before `step`.

    task, dataset, size, options: those of `degradations.make`. num_train_timesteps: its T. algorithm: 1 or 2.
    """

    order = 1

    @register_to_config
    def __init__(self, task: str = "deblur", dataset: str = "mnist", size: int = 32,
                 num_train_timesteps: int | None = None, options: dict[str, Any] | None = None,
                 algorithm: int = 2):
        if algorithm not in (1, 2):
            raise ValueError(f"algorithm = {algorithm!r}: choose 1 or 2")
        self.degrade = make(task, dataset, size=size, T=num_train_timesteps, **(options or {}))
        self.register_to_config(num_train_timesteps=self.degrade.T)
        self.drawn: DrawnDegradation | None = None
        self.set_timesteps()

    def set_timesteps(self, num_inference_steps: int | None = None, device: Any = None) -> None:
        """Choose the severities to visit: all of them, or so many, evenly spread from T to 1."""
        T = self.degrade.T
        visited = torch.linspace(T, 1, num_inference_steps or T).round().long().unique()
        self.timesteps = visited.flip(0).to(device)

    def scale_model_input(self, sample: Tensor, timestep: int | Tensor | None = None) -> Tensor:
        """Return the state in float32, for the network: `step` keeps it in float64."""
        return sample.float()

    def add_noise(self, original_samples: Tensor, noise: Tensor | None, timesteps: Tensor) -> Tensor:
        """Return D(x0, t). noise: what `degrade.draw_randomness` gives where D is random, else None."""
        degrade = self.degrade if noise is None else DrawnDegradation(self.degrade, noise)
        return degrade(original_samples, timesteps)

    def step(self, model_output: Tensor, timestep: int | Tensor, sample: Tensor,
             return_dict: bool = True) -> Any:
        """Go from x_s to the next severity. sample: x_s (B, C, H, W). model_output: the prediction of x0."""
        degrade = self.drawn or self.degrade.undrawn(sample)
        s, x0_hat = int(timestep), model_output.double()
        s_next = max((t for t in self.timesteps.tolist() if t < s), default=0)

        x_next = degrade(x0_hat, s_next)
        if self.config["algorithm"] == 2:
            x_next = sample.double() - degrade(x0_hat, s) + x_next
        return SchedulerOutput(prev_sample=x_next) if return_dict else (x_next,)
