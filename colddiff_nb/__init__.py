"""Cold diffusion in notebooks: restoring images from blur, pixelation and masks without noise (Bansal et al., 2022)."""
import sys

if sys.version_info < (3, 10):  # noqa: UP036 (whoever has an older one reads this line; it has to run there)
    raise ImportError("Python %d.%d is too old for this project: use Python 3.10 or newer" % sys.version_info[:2])  # noqa: UP031

__version__ = "0.1.0"


def __getattr__(name):
    """`colddiff_nb.load_pretrained`, imported when it is asked for: the check above must run where torch is not installed yet."""
    if name == "load_pretrained":
        from colddiff_nb.weights.pretrained import load_pretrained
        return load_pretrained
    raise AttributeError("module 'colddiff_nb' has no attribute %r" % name)  # noqa: UP031
