"""Scores of restored images: RMSE, SSIM and FID; a classifier of digits; and the best linear estimator."""
from colddiff_nb.metrics.scores import frechet_distance, rmse, squared_errors, ssim, to_unit

__all__ = ["frechet_distance", "rmse", "squared_errors", "ssim", "to_unit"]
