"""What notebooks show: the setup cell, figures, pages under sliders, the explorer; and the demonstration of `make run`."""
from colddiff_nb.notebook.settings import setup, show

__all__ = ["setup", "show"]
