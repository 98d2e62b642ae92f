"""Builds notebooks, what a class gets, figures; rehearses Colab; soaks what must not lose a step."""
