"""A linear degradation as an operator of deepinv."""
from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from deepinv.physics import DecomposablePhysics
from torch import Tensor

from colddiff_nb.data.names import channels, check_whole
from colddiff_nb.degradations.bases import Linear, Separable
from colddiff_nb.degradations.contract import Degradation, DrawnDegradation
from colddiff_nb.degradations.others import Decolour, Line
from colddiff_nb.degradations.tasks import Bicubic


def singular_values(drawn: DrawnDegradation, t: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return U, the singular values and V^T of D at severity t, float64.

    U and V^T (size, size) act along both axes; those of decolour (3, 3, 1, 1) mix colours. An orthogonal
    basis serves as U and V. That of a reflected blur is not, and bicubic pooling has none: they get an SVD of
    their matrix. Raises ValueError for a degradation that is not linear.
    """
    degrade, share, pixels = drawn.degrade, t / drawn.T, torch.eye(drawn.degrade.size).double()
    if isinstance(degrade, Decolour):
        U, s, VT = torch.linalg.svd(torch.eye(3).lerp(degrade.luma.view(1, 3).expand(3, 3), share).double())
        return U.view(3, 3, 1, 1), s.view(1, 3, 1, 1), VT.view(3, 3, 1, 1)
    if isinstance(degrade, Line):
        U, s, VT = singular_values(DrawnDegradation(degrade.end, drawn.randomness), degrade.end.T)
        if torch.allclose(U, VT.mT):
            return U, 1 - share + share * s, VT
    if isinstance(degrade, Linear):
        U = degrade.basis if isinstance(degrade, Separable) else pixels
        if torch.allclose(U.mT @ U, pixels):
            return U, degrade.gains_at(torch.full((len(drawn),), t), drawn.randomness).double(), U.mT
    if isinstance(degrade, Separable | Bicubic):
        U, s, VT = torch.linalg.svd(degrade.matrices[t])
        return U, s.outer(s)[None, None], VT
    raise ValueError(f"{degrade.task} has no singular values that are known: take a linear degradation")


class ColdPhysics(DecomposablePhysics):
    """Apply D(x, t) at one severity t as an operator of deepinv with its singular values, in float64.

    degrade: a linear degradation; if it is random, a draw for n images or one for all: degrade.draw(n).
    dtype: of the images it returns. Further options are deepinv's, such as noise_model.
    """

    def __init__(self, degrade: Degradation | DrawnDegradation, t: int,
                 dtype: torch.dtype = torch.float32, **options: Any):
        super().__init__(**options)
        self.drawn = degrade if isinstance(degrade, DrawnDegradation) else degrade.undrawn(torch.empty(1))
        check_whole(t, 0, self.drawn.T, f"t = {t!r}: give a severity in 0..{self.drawn.T}")
        self.t, self.dtype = t, dtype
        left, gains, right = singular_values(self.drawn, t)
        colours, size = channels(self.drawn.degrade.options["dataset"]), self.drawn.degrade.size
        gains = gains.expand(-1, colours, size, size)
        self.mask, self.img_size = gains.abs(), (colours, size, size)  # U has the sign of a gain
        for name, buffer in {"left": left, "right": right, "sign": torch.where(gains < 0, -1.0, 1.0)}.items():
            self.register_buffer(name, buffer)

    def U(self, x: Tensor) -> Tensor:
        return turned(self.left, self.sign * x).to(self.dtype)

    def U_adjoint(self, x: Tensor) -> Tensor:
        return self.sign * turned(self.left.transpose(0, 1), x)

    def V(self, x: Tensor) -> Tensor:
        return turned(self.right.transpose(0, 1), x).to(self.dtype)

    def V_adjoint(self, x: Tensor) -> Tensor:
        return turned(self.right, x)


def turned(M: Tensor, x: Tensor) -> Tensor:
    """M along both axes of images x, or across their colours."""
    return F.conv2d(x.double(), M) if M.ndim == 4 else M @ x.double() @ M.mT
