"""Other libraries beside ours: the same network trained by their loops, the same blur by their operator.

It needs deepinv and denoising-diffusion-pytorch, whose versions stand in what is found.
"""
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import Degradation, make
from colddiff_nb.sampling import algorithm2
from colddiff_nb.training import recipe, train

from .findings import HERE, Finding, faster, finding, in_turns

CHOICE = recipe("small", "superres", "mnist5k", rollout=0.0, precision="float32", severities="uniform")


def measure(steps: int = 60, rounds: int = 3) -> dict[str, Finding]:
    return operators(rounds) | loops(steps, rounds)


def operators(rounds: int) -> dict[str, Finding]:
    """Blur of MNIST, T = 20: deepinv's FFT, given what D makes of a point, against our two products."""
    from deepinv.physics import BlurFFT

    from colddiff_nb.interop.deepinv import PhysicsDegradation
    ours = make("deblur", "mnist", T=20).to(HERE)
    point = torch.zeros(1, 1, 32, 32, device=HERE, dtype=torch.float64)
    point[..., 16, 16] = 1
    blurs = [BlurFFT((1, 32, 32), filter=ours(point, t).float(), device=HERE) for t in range(1, 21)]
    theirs = PhysicsDegradation(32, {"task": "blur"}, blurs)
    x0 = torch.rand(64, 1, 32, 32, device=HERE) * 2 - 1
    assert (theirs(x0, 20) - ours(x0, 20)).abs().max() < 1e-5, "the two blurs differ"

    def walk(D: Degradation) -> Tensor:
        return algorithm2(lambda x_s, s, start: x_s, D, ours(x0, 20))
    blur = in_turns({"theirs": lambda: blurs[-1].A(x0), "ours": lambda: ours(x0, 20)}, 30 * rounds)
    sampling = in_turns({"theirs": lambda: walk(theirs), "ours": lambda: walk(ours)}, rounds)
    peer = f"deepinv {version('deepinv')}"
    return {f"blur of 64 digits at T = 20, in float64, faster than by {peer}, in float32":
            faster(blur, "theirs", "ours", least=1),
            f"Algorithm 2 around an identity restorer, T = 20, faster than with the blur of {peer}":
            faster(sampling, "theirs", "ours", least=1)}


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


def loops(steps: int, rounds: int) -> dict[str, Finding]:
    """Trainings of so many steps of 64 digits, each from its start to its end, in turns."""
    import deepinv
    from denoising_diffusion_pytorch import Trainer

    from colddiff_nb.interop.deepinv import ColdPhysics
    images = load("mnist5k", "train")
    x: Any = (to_float(images.pixels) + 1) / 2
    chosen = replace(CHOICE, steps=steps, evaluate_every=steps, save_every=steps)

    def by_deepinv() -> None:
        model = Cold()
        adam, physics = torch.optim.Adam(model.parameters(), 1e-3), ColdPhysics(model.degrade, 3).to(HERE)
        batches: Any = DataLoader(x, batch_size=64, shuffle=True, drop_last=True)
        deepinv.Trainer(model, physics, adam, batches, epochs=1, max_batch_steps=steps,
                        online_measurements=True, losses=deepinv.loss.SupLoss(nn.L1Loss()), metrics=None,
                        compute_train_metrics=False, save_path=None, device=HERE, verbose=False,
                        show_progress_bar=False).train()

    def by_ddpm(folder: Path) -> None:
        Trainer(Cold(), folder / "images", train_batch_size=64, train_num_steps=steps, calculate_fid=False,
                augment_horizontal_flip=False, save_and_sample_every=10 ** 9,
                results_folder=folder / "results").train()

    def by_us(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as run:
            train(chosen, run, images=images, log=lambda line: None)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        for number, pixels in enumerate(images.pixels):
            Image.fromarray(pixels[0].numpy()).save(folder / "images" / f"{number}.png")
        times = in_turns({"deepinv": by_deepinv, "ours": lambda: by_us(folder),
                          "denoising-diffusion-pytorch": lambda: by_ddpm(folder)}, rounds)
    found = {"training the small network by ours": finding(64 * steps / min(times["ours"]), "images/s")}
    for peer in ("deepinv", "denoising-diffusion-pytorch"):
        found[f"training the small network, faster than the loop of {peer} {version(peer)}"] = faster(
            times, peer, "ours", least=1)
    return found
