"""Scores of restored images: RMSE, SSIM and FID; a classifier; and the best linear estimator."""
from colddiff_nb.metrics.frechet import frechet_contributions, frechet_distance
from colddiff_nb.metrics.inception import RESIZES, Inception, features_of
from colddiff_nb.metrics.scores import (
    bootstrap,
    gain_contributions,
    rmse,
    similarities,
    squared_errors,
    ssim,
    structural_similarity,
    to_unit,
)

__all__ = [
    "RESIZES", "Inception", "bootstrap", "features_of", "frechet_contributions", "frechet_distance",
    "gain_contributions", "rmse", "similarities", "squared_errors", "ssim", "structural_similarity",
    "to_unit"]
