"""Scores of restored images: RMSE, SSIM and FID; a classifier; and the best linear estimator."""
from colddiff_nb.metrics.frechet import (
    RESIZES,
    Inception,
    features_of,
    frechet_contributions,
    frechet_distance,
    load_inception,
)
from colddiff_nb.metrics.scores import (
    Scores,
    bootstrap,
    gain_contributions,
    rmse,
    similarities,
    squared_errors,
    ssim,
    to_unit,
)

__all__ = [
    "RESIZES", "Inception", "Scores", "bootstrap", "features_of", "frechet_contributions", "frechet_distance",
    "gain_contributions", "load_inception", "rmse", "similarities", "squared_errors", "ssim", "to_unit"]
