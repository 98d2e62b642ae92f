"""Cold diffusion in notebooks: images restored from blur, pixelation and masks without noise (Bansal et al.).

`HOME` lists the names that a reader imports from here; each comes from its room when it is first used.
"""
import sys
from typing import Any

if sys.version_info < (3, 10):  # noqa: UP036 (whoever has an older one reads this line; it has to run there)
    found = "Python %d.%d" % sys.version_info[:2]  # noqa: UP031
    raise ImportError(found + " is too old for this project: use Python 3.10 or newer")

__version__ = "0.1.0"

HOME = {
    "load": "data", "to_float": "data", "make": "degradations",
    "direct": "sampling", "algorithm1": "sampling", "algorithm2": "sampling",
    "recipe": "training", "train": "training", "evaluate": "metrics.evaluation",
    "load_pretrained": "weights", "rmse": "metrics", "ssim": "metrics"}
__all__ = list(HOME)


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for: the check above must run where torch is not installed yet."""
    if name not in HOME:
        raise AttributeError("module 'colddiff_nb' has no attribute %r" % name)  # noqa: UP031
    from importlib import import_module
    return getattr(import_module("colddiff_nb." + HOME[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *HOME]
