"""Other libraries beside ours: the same network trained by their loops, the same blur by their operator.

It needs deepinv and denoising-diffusion-pytorch, whose versions stand in what is found.
"""
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.transforms.functional import to_pil_image

from colddiff_nb import load, make, recipe, to_float, train

from .findings import HERE, Found, finding, in_turns, ratio, slower
from .sampling import walk

STEPS, ROUNDS = 60, 3
CHOICE = recipe("small", "superres", "mnist5k", rollout=0.0, precision="float32", severities="uniform",
                steps=STEPS)


def operators() -> Found:
    """Blur of MNIST, T = 20: deepinv's FFT, given what D makes of a point, against our two products."""
    from deepinv.physics import BlurFFT

    from colddiff_nb.interop.deepinv import PhysicsDegradation
    ours = make("deblur", "mnist", T=20).to(HERE)
    point = torch.zeros(1, 1, 32, 32, device=HERE, dtype=torch.float64)
    point[..., 16, 16] = 1
    blurs = [BlurFFT((1, 32, 32), filter=ours(point, t).float(), device=HERE) for t in range(1, 21)]
    theirs = PhysicsDegradation(32, {"task": "blur"}, blurs)
    x0 = torch.rand(64, 1, 32, 32, device=HERE) * 2 - 1
    x_T = ours(x0, 20)
    assert (theirs(x0, 20) - x_T).abs().max() < 1e-5, "the two blurs differ"
    peer = f"deepinv {version('deepinv')}"
    yield (f"blur of 64 digits at T = 20, in float64, faster than by {peer}, in float32",
           finding(slower(lambda: blurs[-1].A(x0), lambda: ours(x0, 20), 30 * ROUNDS), least=1))
    yield (f"Algorithm 2 around an identity restorer, T = 20, faster than with the blur of {peer}",
           finding(slower(lambda: walk(theirs, x_T), lambda: walk(ours, x_T), ROUNDS), least=1))


class Cold(nn.Module):
    """The small network as the libraries call it: on y with an operator, or on images for the loss."""

    channels, image_size, is_ddim_sampling = 1, 32, False

    def __init__(self):
        super().__init__()
        self.degrade = CHOICE.degradation().to(HERE)
        self.network = CHOICE.build(self.degrade).to(HERE)

    def forward(self, x: Tensor, physics: object = None, **options) -> Tensor:
        if physics is not None:
            t = torch.full((len(x),), self.degrade.T, device=x.device)
            return (self.network(2 * x - 1, t, t) + 1) / 2
        t = torch.randint(1, self.degrade.T + 1, (len(x),), device=x.device)
        return F.l1_loss(self.network(self.degrade(2 * x - 1, t), t, t), 2 * x - 1)


def loops() -> Found:
    """Trainings of so many steps of 64 digits, each from its start to its end, in turns."""
    import deepinv
    from denoising_diffusion_pytorch import Trainer

    from colddiff_nb.interop.deepinv import ColdPhysics
    images = load("mnist5k", "train")
    x: Any = (to_float(images.pixels) + 1) / 2

    def by_deepinv() -> None:
        model = Cold()
        adam, physics = torch.optim.Adam(model.parameters(), 1e-3), ColdPhysics(model.degrade, 3).to(HERE)
        batches: Any = DataLoader(x, batch_size=64, shuffle=True, drop_last=True)
        deepinv.Trainer(model, physics, adam, batches, epochs=1, max_batch_steps=STEPS,
                        online_measurements=True, losses=deepinv.loss.SupLoss(nn.L1Loss()), metrics=None,
                        compute_train_metrics=False, save_path=None, device=HERE, verbose=False,
                        show_progress_bar=False).train()

    def by_ddpm() -> None:
        Trainer(Cold(), folder / "images", train_batch_size=64, train_num_steps=STEPS, calculate_fid=False,
                augment_horizontal_flip=False, save_and_sample_every=10 ** 9,
                results_folder=folder / "results").train()

    def by_us() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as run:
            train(CHOICE, run, images=images, log=lambda line: None)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        for number, pixels in enumerate(images.pixels):
            to_pil_image(pixels).save(folder / "images" / f"{number}.png")
        times = in_turns({"deepinv": by_deepinv, "ours": by_us, "denoising-diffusion-pytorch": by_ddpm},
                         ROUNDS)
    yield "training the small network by ours", finding(64 * STEPS / times["ours"].min(), "images/s")
    for peer in ("deepinv", "denoising-diffusion-pytorch"):
        yield (f"training the small network, faster than the loop of {peer} {version(peer)}",
               finding(ratio(times, peer, "ours"), least=1))
