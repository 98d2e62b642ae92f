"""Networks R(x_t, t) -> x0_hat: the small U-Net behind its preconditioner, and the paper's two."""
from colddiff_nb.networks.building import build, register
from colddiff_nb.networks.small import SmallUNet

__all__ = ["SmallUNet", "build", "register"]
