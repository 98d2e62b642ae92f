"""Builds notebooks, what a class gets, figures; rehearses Colab."""
