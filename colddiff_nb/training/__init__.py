"""How a model is trained: recipe, loop, the state of a run, and images that walk through Algorithm 2."""
from colddiff_nb.training.loop import train
from colddiff_nb.training.recipes import Recipe, recipe

__all__ = ["Recipe", "recipe", "train"]
