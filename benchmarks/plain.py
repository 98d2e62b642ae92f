"""The plain way to do what this package does otherwise, as one would write it first."""
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.transforms import Compose, Lambda, RandomHorizontalFlip, ToTensor
from torchvision.transforms.functional import to_pil_image


class SequentialBlur(nn.Module):
    """Blur as the paper defines it: t convolutions one after another, in float32."""

    def __init__(self, channels: int):
        super().__init__()
        grey = channels == 1
        deviations = [7.0] * 20 if grey else [0.35 + 0.01 * i for i in range(50)]
        self.T, self.convolutions = len(deviations), nn.ModuleList()
        for deviation in deviations:
            weights = torch.exp(-torch.arange(-5, 6) ** 2 / (2 * deviation ** 2))
            kernel = torch.outer(weights, weights) / weights.sum() ** 2
            convolution = nn.Conv2d(channels, channels, 11, padding=5, groups=channels, bias=False,
                                    padding_mode="circular" if grey else "reflect")
            convolution.weight.data.copy_(kernel.expand(channels, 1, 11, 11))
            self.convolutions.append(convolution)

    @torch.no_grad()
    def forward(self, x0: Tensor, t: int | Tensor) -> Tensor:
        t = torch.as_tensor(t, device=x0.device).expand(len(x0))
        states = [x0.float()]
        for convolution in self.convolutions[:int(t.max())]:
            states.append(convolution(states[-1]))
        return torch.stack(states)[t, torch.arange(len(x0), device=x0.device)]


def batches_through_pil(pixels: Tensor, size: int) -> Iterator[Tensor]:
    """Images are flipped and made tensors one at a time."""
    transform = Compose([RandomHorizontalFlip(), ToTensor(), Lambda(lambda x: 2 * x - 1)])
    pictures: Any = [to_pil_image(image) for image in pixels]
    while True:
        yield from DataLoader(pictures, size, shuffle=True, drop_last=True,
                              collate_fn=lambda batch: torch.stack(list(map(transform, batch))))


@torch.no_grad()
def average_one_by_one(average: nn.Module, network: nn.Module) -> None:
    for mine, theirs in zip(average.parameters(), network.parameters()):
        mine.copy_(0.995 * mine + 0.005 * theirs)
