"""A small classifier: does a restored image still read as its class? Its features give a Frechet distance."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colddiff_nb.data import Images, to_float
from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.storage.files import usable


class Classifier(nn.Module):
    """Three stages of convolutions, then a layer of features.

    Args:
        channels: of the images (B, channels, 32, 32) in [-1, 1].
        widths: channels of the stages, each at half the resolution of the one before.
        depth: convolutions in a stage.
    """

    def __init__(self, channels: int = 1, classes: int = 10, name: str = "small classifier",
                 widths: Sequence[int] = (16, 32, 64), depth: int = 1, features: int = 64):
        super().__init__()
        self.name = name
        layers: list[nn.Module] = []
        for inputs, outputs in zip((channels, *widths), widths):
            for number in range(depth):
                conv = nn.Conv2d(outputs if number else inputs, outputs, 3, padding=1)
                layers += [conv, nn.BatchNorm2d(outputs), nn.ReLU()] + [nn.MaxPool2d(2)] * (number == 0)
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * 16, features), nn.ReLU())
        self.head = nn.Linear(features, classes)

    def features(self, images: Tensor) -> Tensor:
        """Return the features (B, features) of images."""
        return self.trunk(images)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, classes) of images."""
        return self.head(self.features(images))


def shifted(images: Tensor, pixels: int = 2) -> Tensor:
    """Move each image (B, C, H, W) its own way by up to so many pixels; its mirror image comes in."""
    H, W = images.shape[-2:]
    padded = F.pad(images, (pixels,) * 4, mode="reflect")
    windows = padded.unfold(2, H, 1).unfold(3, W, 1)  # (B, C, 2 pixels + 1, 2 pixels + 1, H, W)
    down, right = torch.randint(2 * pixels + 1, (2, len(images)))
    return windows[torch.arange(len(images)), :, down, right]


def train_classifier(images: Images, epochs: int = 5, batch: int = 64, **shape: Any) -> Classifier:
    """Train a classifier of these images' labels, about three seconds an epoch of 4,000 digits on a CPU core.

    Images are shifted by up to two pixels, those in colour also mirrored. `shape` goes to `Classifier`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        channels, classes = images.pixels.shape[1], int(images.labels.max()) + 1
        name = f"small classifier, {images.name} {images.split}, {epochs} epochs"
        network = Classifier(channels, classes, name, **shape).to(memory_format=torch.channels_last)
        steps = epochs * (len(images) // batch)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
        for _ in range(steps):
            chosen = torch.randint(len(images), (batch,))
            shown = shifted(to_float(images.pixels[chosen]))
            if channels == 3:
                shown = torch.where(torch.rand(batch, 1, 1, 1) < 0.5, shown.flip(-1), shown)
            shown = shown.contiguous(memory_format=torch.channels_last)
            loss = F.cross_entropy(network(shown), images.labels[chosen], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval().requires_grad_(False)


def load_classifier(path: str | Path) -> Classifier:
    """Return a classifier, in eval mode, whose weights file names its shape in the metadata."""
    weights, metadata = load_weights(path)
    names = "channels", "classes", "name", "widths", "depth", "features"
    with usable(path):
        network = Classifier(**{name: metadata[name] for name in names if name in metadata})
        network.load_state_dict(weights)
    return network.eval().requires_grad_(False)
