"""The plain way to do what this package does otherwise, as one would write it first: what the ratios are
measured against."""
from collections.abc import Iterator
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class SequentialBlur(nn.Module):
    """Blur as the paper defines it: t convolutions one after another, in float32."""

    def __init__(self, T: int, channels: int, first: float, step: float, padding: Any):
        super().__init__()
        self.T, self.convolutions, taps = T, nn.ModuleList(), torch.arange(-5, 6).float()
        for i in range(T):
            weights = torch.exp(-taps ** 2 / (2 * (first + step * i) ** 2))
            kernel = torch.outer(weights, weights) / weights.sum() ** 2
            convolution = nn.Conv2d(channels, channels, 11, padding=5, padding_mode=padding, groups=channels,
                                    bias=False)
            convolution.weight.data.copy_(kernel.expand(channels, 1, 11, 11))
            self.convolutions.append(convolution)

    @torch.no_grad()
    def forward(self, x0: Tensor, t: int | Tensor) -> Tensor:
        t = torch.as_tensor(t, device=x0.device).expand(len(x0))
        states = [x0.float()]
        for convolution in self.convolutions[:int(t.max())]:
            states.append(convolution(states[-1]))
        return torch.stack(states)[t, torch.arange(len(x0), device=x0.device)]


def mnist_blur() -> SequentialBlur:
    return SequentialBlur(20, 1, 7.0, 0.0, "circular")


def cifar10_blur() -> SequentialBlur:
    return SequentialBlur(50, 3, 0.35, 0.01, "reflect")


class Pictures(Dataset):
    """Images one at a time through PIL."""

    def __init__(self, pixels: Tensor):
        self.pixels = pixels.permute(0, 2, 3, 1).squeeze(-1).numpy()
        self.transform = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor(),
                                             transforms.Lambda(lambda x: 2 * x - 1)])

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, i: int) -> Tensor:
        return self.transform(Image.fromarray(self.pixels[i]))


def batches_through_pil(pixels: Tensor, size: int) -> Iterator[Tensor]:
    while True:
        yield from DataLoader(Pictures(pixels), size, shuffle=True, drop_last=True)


@torch.no_grad()
def average_one_by_one(average: nn.Module, network: nn.Module) -> None:
    for mine, theirs in zip(average.parameters(), network.parameters()):
        mine.copy_(0.995 * mine + 0.005 * theirs)
