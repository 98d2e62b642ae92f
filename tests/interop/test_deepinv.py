"""deepinv's own checks on our operators; our samplers as its models; its operators in our training."""
from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
import torch
from PIL import Image

deepinv = pytest.importorskip("deepinv", reason="deepinv is not installed: pip install deepinv")

from deepinv.physics import Blur, Downsampling, GaussianNoise, Inpainting
from deepinv.physics.forward import adjoint_function
from deepinv.physics.generator import MotionBlurGenerator

from colddiff_nb import evaluate, load_pretrained
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import check_degradation, make, register
from colddiff_nb.degradations.tasks import MAKERS
from colddiff_nb.interop.deepinv import ColdPhysics, ColdReconstructor, PhysicsDegradation
from colddiff_nb.sampling import algorithm2, direct
from colddiff_nb.training import recipe, train

LINEAR = [("deblur", "mnist", {}), ("deblur", "mnist", {"T": 20}), ("deblur", "cifar10", {}), ("superres", "mnist", {}),
          ("superres", "cifar10", {"pooling": "bicubic"}), ("inpaint", "mnist", {}), ("inpaint", "cifar10", {"center": (10, 12)}),
          ("mean", "cifar10", {}), ("decolour", "cifar10", {}), ("line", "mnist", {}), ("line", "cifar10", {"end": "inpaint"})]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(a - b) / torch.linalg.vector_norm(b))


@pytest.mark.parametrize("task, dataset, options", LINEAR)
def test_our_operators_pass_the_checks_that_deepinv_makes_of_its_own(task, dataset, options):
    drawn = make(task, dataset, **options).draw(1, seeded())
    colours = 3 if dataset == "cifar10" else 1
    x = torch.randn(1, colours, 32, 32, generator=seeded(1))
    for t in (1, drawn.T):
        physics = ColdPhysics(drawn, t)
        y = physics(x)
        assert y.dtype == torch.float32 and torch.allclose(y, drawn(x, t), atol=1e-6)

        assert physics.adjointness_test(x, num_samples=3) < 1e-5
        assert torch.allclose(adjoint_function(physics.A, x.shape)(y), physics.A_adjoint(y), atol=1e-6)
        norm = physics.compute_sqnorm(x, max_iter=1000, tol=1e-6, verbose=False)
        assert abs(float(norm) - float(physics.mask.max()) ** 2) < 1e-2
        assert physics.mask.min() >= 0
        assert relative(physics.V(physics.V_adjoint(x)), x) < 1e-6  # both are orthogonal
        assert relative(physics.U(physics.U_adjoint(x)), x) < 1e-6
        inside = physics.A_adjoint(y)
        assert relative(physics.A_dagger(physics.A(inside)), inside) < 1e-3


def test_each_image_has_its_own_mask_and_float64_stays():
    drawn = make("inpaint").draw(4, seeded())
    x = torch.rand(4, 1, 32, 32, generator=seeded(1), dtype=torch.float64)
    y = ColdPhysics(drawn, 30, dtype=torch.float64, noise_model=GaussianNoise(0.0))(x)
    assert y.dtype == torch.float64 and torch.allclose(y, drawn(x, 30), atol=1e-12)


def test_what_has_no_singular_values_is_refused_in_one_line():
    with pytest.raises(ValueError, match="noise has no singular values"):
        ColdPhysics(make("noise").draw(1), 3)
    with pytest.raises(ValueError, match="inpaint is random: fix its randomness first"):
        ColdPhysics(make("inpaint"), 3)
    with pytest.raises(ValueError, match="t = 41: give a severity in 0..40"):
        ColdPhysics(make("deblur"), 41)


def test_a_sampler_is_a_model_of_deepinv_and_restores_what_it_restores_here():
    restore, degrade, _ = load_pretrained("superres", "mnist")
    x0 = to_float(load("mnist5k", "test").pixels[:4])
    physics = ColdPhysics(degrade, 3)
    y = physics((x0 + 1) / 2)
    for sampler in (algorithm2, direct):
        restored = ColdReconstructor(restore, sampler=sampler)(y, physics)
        assert torch.allclose(2 * restored - 1, sampler(restore, degrade, degrade(x0, 3)), atol=1e-4)
    assert deepinv.metric.PSNR()(restored, (x0 + 1) / 2).mean() > 17


def test_masks_of_an_operator_reach_the_sampler():
    restore, degrade, _ = load_pretrained("inpaint", "mnist")
    x0 = to_float(load("mnist5k", "test").pixels[:3])
    for drawn in (degrade.draw(3, seeded()), degrade.draw(1, seeded())):
        physics = ColdPhysics(drawn, 50)
        restored = ColdReconstructor(restore)(physics((x0 + 1) / 2), physics)
        assert (restored - (x0 + 1) / 2).square().mean().sqrt() < 0.1  # the degraded images have 0.26


def test_an_operator_that_is_not_ours_must_be_named():
    with pytest.raises(ValueError, match="Inpainting is no ColdPhysics"):
        ColdReconstructor(lambda x_s, s, start: x_s)(torch.rand(1, 1, 32, 32), Inpainting((1, 32, 32), mask=0.5))
    with pytest.raises(ValueError, match="T = 0: give a severity in 1..3"):
        ColdReconstructor(lambda x_s, s, start: x_s, make("superres"), t=0)(torch.rand(1, 1, 32, 32), Inpainting((1, 32, 32), mask=0.5))


def test_ddrm_of_deepinv_runs_on_every_one_of_our_bases():
    def denoiser(x, sigma):
        return x

    for task, dataset in (("deblur", "cifar10"), ("inpaint", "mnist"), ("decolour", "cifar10")):
        physics = ColdPhysics(make(task, dataset).draw(1, seeded()), 5, noise_model=GaussianNoise(0.01))
        x = torch.rand(2, 3 if dataset == "cifar10" else 1, 32, 32, generator=seeded())
        torch.manual_seed(0)
        restored = deepinv.sampling.DDRM(denoiser, sigmas=[1.0, 0.5, 0.1, 0.02])(physics(x), physics)
        assert restored.shape == x.shape and restored.isfinite().all()


def motion_blurs() -> list[Blur]:
    kernel = MotionBlurGenerator((11, 11), rng=seeded()).step(1)["filter"]
    point = torch.zeros_like(kernel)
    point[..., 5, 5] = 1
    return [Blur(filter=point.lerp(kernel, t / 4), padding="circular") for t in range(1, 5)]


OPERATORS = {"motion blur": motion_blurs,
             "downsampling": lambda: [Downsampling((1, 32, 32), factor=f, filter="bilinear", padding="circular") for f in (2, 4)],
             "missing pixels": lambda: [Inpainting((1, 32, 32), mask=1 - t / 10, rng=seeded()) for t in range(1, 9)]}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_of_deepinv_are_a_degradation_of_ours(name):
    degrade = PhysicsDegradation(32, {"task": name}, OPERATORS[name]())
    assert check_degradation(degrade, bounded=name != "downsampling") == []  # its pseudo-inverse overshoots at edges
    x0 = torch.rand(2, 1, 32, 32, generator=seeded()) * 2 - 1
    at_2, mixed = degrade(x0, 2), degrade(x0, torch.tensor([2, 0]))
    assert torch.allclose(mixed[0], at_2[0], atol=1e-5) and torch.equal(mixed[1], x0[1])
    if name != "downsampling":
        assert torch.allclose((at_2 + 1) / 2, degrade.physics[1].A((x0 + 1) / 2), atol=1e-6)
    cell, = evaluate((lambda x_s, s, start: x_s, degrade, {}), load("mnist5k", "test"), methods=("direct",), n=4, log=lambda line: None)["cells"]
    assert cell["variant"] == f"T = {degrade.T}"


def test_motion_blur_of_deepinv_trains_in_our_loop_and_restores_in_its(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(MAKERS, "motion", None)  # taken out again afterwards
    blurs = motion_blurs()
    register("motion", lambda size, options, T: PhysicsDegradation(size, options, blurs[:T]), T=len(blurs))
    network = train(recipe("smoke", "motion", "mnist5k", steps=30), tmp_path, log=lambda line: None)

    degrade = make("motion")
    x = (to_float(load("mnist5k", "test").pixels[:8]) + 1) / 2
    y = blurs[-1](x)
    restored = ColdReconstructor(network, degrade, sampler=direct)(y, blurs[-1])
    error, before = (deepinv.metric.MSE()(image, x).mean() for image in (restored, y))
    assert error < before


def test_ddrm_is_compared_on_the_same_digits(tmp_path: Path):
    example = runpy.run_path(str(Path(__file__).resolve().parents[2] / "examples" / "deepinv_ddrm.py"))
    example["main"](tmp_path, tmp_path / "ddrm.json", n=4, steps=4, widths=(8, 8, 8))
    content = json.loads((tmp_path / "ddrm.json").read_text())
    assert [row["network calls"] for row in content["rows"]] == [0, 1, 3, 20, 100]
    assert all(0 < row["rmse"] < 1 and row["n"] == 4 for row in content["rows"]) and content["versions"]["deepinv"]
    with Image.open(tmp_path / "ddrm.png") as opened:
        assert opened.width > 300 and opened.height > 4 * 64

    x = (to_float(load("mnist5k", "test").pixels[:8]) + 1) / 2
    denoiser = example["HotDenoiser"](lambda x_t, t, start: x_t / denoiser.noise.signal_level[t].view(-1, 1, 1, 1))
    assert torch.allclose(denoiser(x, 0.3), x, atol=1e-5)  # what the network is given is 2 x - 1, scaled by a_t
