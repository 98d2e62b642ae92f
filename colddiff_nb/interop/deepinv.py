"""Our samplers as a model of deepinv, and its operators as a degradation of ours.

deepinv keeps images in [0, 1], this package in [-1, 1]: what deepinv sees of these two is in [0, 1].
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from deepinv.models import Reconstructor
from deepinv.physics import Physics
from torch import Tensor, nn

from colddiff_nb.degradations.contract import Degradation
from colddiff_nb.interop.deepinv_physics import ColdPhysics
from colddiff_nb.sampling import Restore, algorithm2

__all__ = ["ColdPhysics", "ColdReconstructor", "PhysicsDegradation"]


class ColdReconstructor(Reconstructor):
    """Call a sampler of ours around restore(x_s, s, start) as a reconstruction model of deepinv.

    degrade, t: what made y where the physics is no ColdPhysics, and its severity, by default T.
    """

    def __init__(self, restore: Restore, degrade: Degradation | None = None, t: int | None = None,
                 sampler: Callable[..., Tensor] = algorithm2):
        super().__init__()
        self.restore, self.degrade, self.t, self.sampler = restore, degrade, t, sampler

    def forward(self, y: Tensor, physics: Physics, **kwargs: Any) -> Tensor:
        """Restore y = physics(x), (B, C, size, size), for x in [0, 1]: an image in about that range."""
        t = self.t
        if isinstance(physics, ColdPhysics):
            drawn, t, white = physics.drawn, physics.t, physics.A(torch.ones_like(y))
            if len(drawn) == 1:  # for all images
                drawn = replace(drawn, randomness=drawn.randomness.repeat_interleave(len(y), 0))
        elif self.degrade:
            drawn, white = self.degrade.undrawn(y), torch.ones_like(y)
        else:
            raise ValueError(f"{type(physics).__name__} is no ColdPhysics: name what made y, "
                             "ColdReconstructor(restore, degrade)")
        return (self.sampler(self.restore, drawn, 2 * y - white, t) + 1) / 2


class PhysicsDegradation(Degradation):
    """Degrade by a list of deepinv's operators, mild to severe: D(x, t) applies the t-th, without its noise.

    Where an operator changes the shape, as downsampling does, its pseudo-inverse brings the image back.
    As a task: register("motion", lambda size, options, T: PhysicsDegradation(size, options, blurs[:T]), T=4).
    """

    def __init__(self, size: int, options: dict[str, Any], physics: Sequence[Physics]):
        super().__init__(size, options, len(physics))
        self.physics = nn.ModuleList(physics)

    def apply_at(self, x0: Tensor, t: Tensor, randomness: Tensor) -> Tensor:
        x_t = x0.clone()
        for s in t.unique().tolist():
            if s:
                x, physics = (x0[t == s].float() + 1) / 2, self.physics[s - 1]
                y = physics.A(x)
                x_t[t == s] = 2 * (y if y.shape == x.shape else physics.A_dagger(y)).to(x0.dtype) - 1
        return x_t
