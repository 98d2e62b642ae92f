"""What notebooks show: setup cell, figures, pages under sliders, explorer; and what `make run` does."""
from colddiff_nb.notebook.settings import setup, show

__all__ = ["setup", "show"]
