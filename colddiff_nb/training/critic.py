"""A critic trained beside the network: it learns to tell an original from its restoration. Not in the paper.

L1 asks for the median of all images that x_t allows, and that is smooth. A critic sees that no original is.
"""
from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colddiff_nb.storage.checkpoint import load_adam


class MatmulConv2d(nn.Conv2d):
    """A square convolution that a GPU computes as a matrix product: cuDNN is slow at second derivatives."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (B, C, H, W): (B, outputs, H', W')."""
        return self.by_product(x) if x.is_cuda else super().forward(x)

    def by_product(self, x: Tensor) -> Tensor:
        """Multiply all patches of x by the weights."""
        side, stride, padding = self.kernel_size[0], self.stride[0], int(self.padding[0])
        patches = F.pad(x, [padding] * 4).unfold(2, side, stride).unfold(3, side, stride)
        columns = patches.permute(0, 2, 3, 4, 5, 1).flatten(3)  # (B, H', W', side * side * C)
        return F.linear(columns, self.weight.permute(0, 2, 3, 1).flatten(1), self.bias).movedim(-1, 1)


class Critic:
    """Scores images (B, C, size, size): above its restoration's score is an original.

    An original is compared with its own restoration. A penalty on the squared slope at both keeps it stable.
    """

    def __init__(self, channels: int, size: int, device: torch.device, bfloat16: bool, penalty: float):
        self.bfloat16, self.penalty = bfloat16, penalty
        widths = (64, 128, 256)
        halve = [layer for inputs, outputs in zip(widths, widths[1:])
                 for layer in (MatmulConv2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(0.2))]
        score = nn.Linear(widths[-1] * (size // 8) ** 2, 1)
        first = MatmulConv2d(4 * channels, widths[0], 3, padding=1)  # on 16 x 16: a quarter of the pixels
        self.network = nn.Sequential(nn.PixelUnshuffle(2), first, nn.LeakyReLU(0.2), *halve,
                                     nn.Flatten(), score).to(device)
        if device.type == "cuda":
            self.network.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.network.parameters(), 2e-4, betas=(0.0, 0.99),
                                          fused=device.type == "cuda")

    def scores(self, images: Tensor) -> Tensor:
        """Score images (B, C, size, size): (B,)."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.bfloat16):
            scores: Tensor = self.network(images).float().squeeze(1)  # (B,)
        return scores

    def doubt(self, x0_hat: Tensor, x0: Tensor) -> Tensor:
        """Return how far the critic prefers originals x0 (B, C, size, size) to restorations: a loss."""
        self.network.requires_grad_(False)
        return F.softplus(self.scores(x0) - self.scores(x0_hat)).mean()

    def learn(self, x0_hat: Tensor, x0: Tensor) -> None:
        """One step towards telling originals x0 (B, C, size, size) from restorations."""
        self.network.requires_grad_(True)
        both = torch.cat([x0_hat.detach(), x0]).requires_grad_()
        scores = self.scores(both)
        slope, = torch.autograd.grad(scores.sum(), both, create_graph=True)
        steepness = 2 * slope.square().flatten(1).sum(1).mean()  # of restorations and of originals
        restored, original = scores.chunk(2)
        (F.softplus(restored - original).mean() + self.penalty / 2 * steepness).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the critic."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.network.load_state_dict(state["network"])
        load_adam(self.optimizer, state["optimizer"])
