"""Trained models ready to use."""
from colddiff_nb.weights.pretrained import load_model, load_pretrained, shipped_classifier, shipped_models

__all__ = ["load_model", "load_pretrained", "shipped_classifier", "shipped_models"]
