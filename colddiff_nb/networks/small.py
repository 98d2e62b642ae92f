"""The small network R(x_t, t) -> x0_hat: a U-Net for CPUs behind a float32 preconditioner.

The paper's own two networks, in convnext.py and resnet.py, see x_t as it is; all are called alike.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colddiff_nb.data.names import check_choice
from colddiff_nb.degradations import Degradation
from colddiff_nb.networks.inputs import check_images, severity_embedding
from colddiff_nb.networks.preconditioner import NOISE, Preconditioner


class Block(nn.Module):
    """Residual block: normalise, convolve, scale and shift by the severity, convolve."""

    def __init__(self, inputs: int, outputs: int, embedding: int):
        super().__init__()
        self.norm = nn.GroupNorm(8, inputs)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.film = nn.Linear(embedding, 2 * outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.film(embedding)[:, :, None, None].chunk(2, dim=1)
        hidden = self.first(F.silu(self.norm(x)))
        return x + self.second(F.silu(hidden * (1 + scale) + shift))


class SmallUNet(nn.Module):
    """About 1 M parameters and 0.1 GFLOP for a 32 x 32 image: pixel-unshuffle, then three levels.

    For blur and pixelation x0_hat is the preconditioner's linear estimate plus a correction of what was not
    measured. For all others it is x_t * exp(gain) plus a correction, as a mask attenuates. It starts as the
    estimate, or as x_t: the last layer is zero.

    Args:
        degrade: D; for blur and pixelation images must have its size, for others a multiple of 8.
        channels: of the images.
        measurement_precision: that of x_T: "float32", "8bit" or "both".
        widths: channels of the levels.
        time, skips: False leaves out the severity, or the skip connections.
        data_consistency: what is never changed: all that x_s tells ("state"), or x_T ("measurement").
    """

    def __init__(self, degrade: Degradation, channels: int, measurement_precision: str = "float32",
                 widths: tuple[int, int, int] = (48, 80, 160), time: bool = True, skips: bool = True,
                 data_consistency: str = "state"):
        super().__init__()
        top, middle, bottom = widths
        embedding = 2 * top
        self.channels, self.top, self.time, self.skips = channels, top, time, skips
        check_choice("data_consistency", data_consistency, ("state", "measurement"))
        check_choice("measurement_precision", measurement_precision, NOISE)
        self.data_consistency = data_consistency
        self.precondition = Preconditioner(degrade, channels, measurement_precision)
        self.only_size = degrade.size if self.precondition.inverts else None
        self.embed = nn.Sequential(
            nn.Linear(top, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU())
        self.stem = nn.Conv2d(12 * channels, top, 1)
        levels = ((top, middle), (middle, bottom))
        self.down = nn.ModuleList([nn.Conv2d(above, below, 2, stride=2) for above, below in levels])
        self.up = nn.ModuleList([nn.ConvTranspose2d(below, above, 2, stride=2) for above, below in levels])
        self.encoders = nn.ModuleList([Block(width, width, embedding) for width in (top, middle)])
        self.bottom = Block(bottom, bottom, embedding)
        self.decoders = nn.ModuleList([Block(width, width, embedding) for width in (top, middle)])
        self.head = nn.Conv2d(top, (4 if self.precondition.inverts else 8) * channels, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x_t: Tensor, t: Tensor, start: Tensor | None = None) -> Tensor:
        """Restore images: x0_hat, of the shape of x_t.

        Args:
            x_t: (B, C, H, W), float32.
            t: LongTensor (B,), their severities, 1..T.
            start: (B,), the severities of x_T, which data_consistency="measurement" needs; t itself where x_t
                is D(x0, t).
        """
        check_images(x_t, self.channels, 8, self.only_size)
        kept = start if self.data_consistency == "measurement" else t
        if kept is None:
            raise ValueError("this network must know where the sampler started: call it as "
                             "restore(x_s, s, start), with start = s where x_s is D(x0, s) itself")
        features = self.precondition(x_t, t)
        embedding = self.embed(severity_embedding(t if self.time else torch.zeros_like(t), self.top))
        x = self.stem(F.pixel_unshuffle(features, 2))  # (B, top, H/2, W/2)
        x1 = self.encoders[0](x, embedding)
        x2 = self.encoders[1](self.down[0](x1), embedding)  # (B, middle, H/4, W/4)
        x = self.bottom(self.down[1](x2), embedding)  # (B, bottom, H/8, W/8)
        x = self.decoders[1](self.up[1](x) + (x2 if self.skips else 0), embedding)
        x = self.decoders[0](self.up[0](x) + (x1 if self.skips else 0), embedding)
        out = F.pixel_shuffle(self.head(x), 2).float()  # (B, C or 2 C, H, W)
        if self.precondition.inverts:
            with torch.autocast(x_t.device.type, enabled=False):
                return features[:, -self.channels:] + self.precondition.unmeasured(out, kept)
        gain, correction = out.chunk(2, dim=1)
        undone = features[:, :self.channels] * gain.clamp(max=20).exp()  # more only amplifies noise
        return undone.clamp(-2, 2) + correction  # bounded: Algorithm 1 would feed a runaway back
