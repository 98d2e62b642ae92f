"""The Frechet distance of two sets of features, and its interval."""
from __future__ import annotations

import torch
from torch import Tensor

from colddiff_nb.storage import runtime


def frechet_distance(features_a: Tensor, features_b: Tensor) -> float:
    """Return the Frechet distance of the Gaussians fitted to features (N, d) and (M, d), in float64.

    |mean_a - mean_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)). With S_a = R R^T the last trace is that of
    (R^T S_b R)^(1/2), which is symmetric: real eigenvalues, also with fewer images than dimensions.
    """
    a, b = (features.double().to(runtime.device()) for features in (features_a, features_b))
    if (a.ndim, b.ndim) != (2, 2) or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"features have shapes {tuple(a.shape)} and {tuple(b.shape)}: "
                         "give (N, d) and (M, d), at least 2 of each")
    covariance_a, covariance_b = (torch.cov(x.mT).reshape(x.shape[1], -1) for x in (a, b))
    root = square_root(covariance_a)
    cross = torch.linalg.eigvalsh(root.mT @ covariance_b @ root).clamp(min=0).sqrt().sum()
    shift = (a.mean(0) - b.mean(0)).square().sum()
    return max((shift + covariance_a.trace() + covariance_b.trace() - 2 * cross).item(), 0.0)


def square_root(covariance: Tensor) -> Tensor:
    """Return an R (d, d) with R R^T = covariance."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()


def frechet_contributions(originals: Tensor, restored: Tensor) -> Tensor:
    """Return what each image adds to a Frechet distance: `bootstrap` of it is the interval of the distance.

    A bootstrap of the distance itself is biased: resamples hold fewer different images. This is the distance
    plus its influence function. With S_a = R R^T and T = R (R^T S_b R)^(-1/2) R^T, which maps one Gaussian to
    the other, the gradients in S_b and S_a are I - T and I - T^-1.

    Args:
        originals: features (N, d).
        restored: those of the same images, restored.

    Returns:
        float64 (N,), whose mean is the distance.
    """
    if originals.shape != restored.shape:
        shapes = f"{tuple(originals.shape)} and {tuple(restored.shape)}"
        raise ValueError(f"features have shapes {shapes}; give (N, d) twice, of the same images")
    distance = frechet_distance(originals, restored)
    x, y = (features.double().to(runtime.device()) for features in (originals, restored))
    a, b = x - x.mean(0), y - y.mean(0)
    changes = 2 * (a - b) @ (x.mean(0) - y.mean(0)) + _covariance_changes(a, b) + _covariance_changes(b, a)
    return (distance + changes - changes.mean()).cpu()


def _covariance_changes(a: Tensor, b: Tensor) -> Tensor:
    """b_i^T (I - T) b_i for centred features (N, d), without the directions in which T is unbounded."""
    root = square_root(a.mT @ a / len(a))
    values, vectors = torch.linalg.eigh(root.mT @ (b.mT @ b / len(b)) @ root)
    kept = values > 1e-12 * values[-1]
    return b.square().sum(1) - ((b @ root @ vectors[:, kept]).square() / values[kept].sqrt()).sum(1)
