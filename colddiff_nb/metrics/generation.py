"""Generation: draw fully degraded images without an image, and score what is restored from them."""
from __future__ import annotations

import torch
from torch import Tensor

from colddiff_nb.metrics.classifier import Classifier
from colddiff_nb.metrics.frechet import frechet_distance


def gaussian_like(x_T: Tensor, n: int, seed: int) -> Tensor:
    """Draw n images of the Gaussian with the mean and covariance of x_T (N, C, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    mean = x_T.double().mean(0)
    weights = torch.randn(n, len(x_T), generator=generator, dtype=torch.float64) / len(x_T) ** 0.5
    return (mean + torch.einsum("nN,Nchw->nchw", weights, x_T.double() - mean)).float()


def generation_scores(images: Tensor, originals: Tensor, classifier: Classifier) -> dict[str, float]:
    """Return the Frechet distance of images to originals, and how many digits are in use.

    That is e to the entropy of what is read: 10 where all digits are equally frequent.
    """
    read = classifier(images).argmax(1).bincount(minlength=10) / len(images)
    return {"frechet": frechet_distance(classifier.features(originals), classifier.features(images)),
            "digits": torch.special.entr(read).sum().exp().item()}
