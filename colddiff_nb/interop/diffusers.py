"""Networks of diffusers in our samplers and training; a pipeline of diffusers with our algorithms.

    restore = UNetRestorer(unet)                      # for the samplers
    networks.register("unet2d", lambda channels, size, T: UNetRestorer(UNet2DModel(size, channels, channels)))
    train(recipe("quick", "superres", "mnist5k", network="unet2d"), "runs/unet2d")
"""
from __future__ import annotations

import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from torch import Tensor, nn

from colddiff_nb.interop.diffusers_scheduler import ColdScheduler

__all__ = ["ColdPipeline", "ColdScheduler", "UNetRestorer"]


class UNetRestorer(nn.Module):
    """Make a restorer of ours from a network of diffusers, one that is called as unet(x, t).sample."""

    def __init__(self, unet: nn.Module):
        super().__init__()
        self.unet = unet

    def forward(self, x_s: Tensor, s: Tensor, start: Tensor | None = None) -> Tensor:
        return self.unet(x_s, s).sample


class ColdPipeline(DiffusionPipeline):
    """Restore images with a network of diffusers and a ColdScheduler, saved and loaded as one folder."""

    unet: nn.Module
    scheduler: ColdScheduler

    def __init__(self, unet: nn.Module, scheduler: ColdScheduler):
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)

    @torch.no_grad()
    def __call__(self, x_T: Tensor, num_inference_steps: int | None = None) -> Tensor:
        """Restore x_T (B, C, H, W) in [-1, 1] of severity T: same shape."""
        scheduler, x_s = self.scheduler, x_T
        scheduler.set_timesteps(num_inference_steps, x_T.device)
        for s in scheduler.timesteps:
            x0_hat = self.unet(scheduler.scale_model_input(x_s, s), s).sample
            x_s = scheduler.step(x0_hat, s, x_s).prev_sample
        return x_s.to(x_T.dtype)
