"""The experiment behind notebook 07: its degradations keep the rules, its drawn x_T have the right mean and covariance, its tables add up."""
import pytest
import torch

from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import check_degradation, make
from colddiff_nb.metrics import rmse
from colddiff_nb.metrics.generation import gaussian_like
from studies import hot_and_cold as experiment


@pytest.mark.parametrize("name", experiment.TASKS)
def test_every_degradation_keeps_the_rules_and_does_like_damage(name):
    task, T = experiment.TASKS[name]
    degrade = make(task, "mnist5k", T=T)
    assert check_degradation(degrade, bounded="noise" not in name) == []
    x0 = to_float(load("mnist5k", "test").pixels[:100])
    t = experiment.NOISE_FROM if name == "noise" else T
    assert rmse(degrade.draw(100, torch.Generator().manual_seed(0))(x0, t), x0) == pytest.approx(0.26, abs=0.04)


def test_the_hybrid_is_blur_and_a_little_noise():
    hybrid, blur = make("blur-with-noise", "mnist5k", T=20), make("deblur", "mnist5k", T=20)
    x0 = to_float(load("mnist5k", "test").pixels[:20])
    drawn = hybrid.draw(20, torch.Generator().manual_seed(0))
    for t in (1, 20):
        assert float((drawn(x0, t) - blur(x0, t)).std()) == pytest.approx(0.05 * t / 20, rel=0.03)
    estimated = hybrid.estimate(drawn(x0, 20), x0, 20)
    assert torch.allclose(estimated.randomness, drawn.randomness, atol=1e-4)
    perfect = experiment.noise_estimated_once(lambda x, s, start: x0, hybrid, drawn(x0, 20), 20)
    assert torch.allclose(perfect, x0, atol=1e-5)


def test_drawn_states_have_the_mean_and_the_covariance_of_those_they_are_like():
    generator = torch.Generator().manual_seed(0)
    x_T = (torch.randn(500, 4, generator=generator) @ torch.randn(4, 4, generator=generator) + 3).view(500, 1, 2, 2)
    made = gaussian_like(x_T, 40_000, seed=1).flatten(1)
    assert torch.allclose(made.mean(0), x_T.flatten(1).mean(0), atol=0.05)
    assert torch.allclose(torch.cov(made.T), torch.cov(x_T.flatten(1).T), atol=0.15)
    constant = torch.full((500, 1, 2, 2), 0.3)
    assert torch.allclose(gaussian_like(constant, 5, seed=0), constant[:5])


def test_tables_give_the_mean_over_the_seeds_and_half_their_range():
    rows = [{"job": job, "degradation": "fog", "sampler": "direct", "seed": seed, "rmse": 0.1 + 0.02 * seed, "ssim": 0.5, "class_accuracy": 0.9,
             "frechet": 10.0 * seed, "digits": 9.0, "n": 50, "images_seen": 640} for seed in (0, 1) for job in ("restoration", "generation")]
    record = {"data": "mnist5k", "rows": rows}
    assert "| fog | direct | 0.1100 ± 0.0100 | 0.500 ± 0.000 | 0.900 ± 0.000 | 5.0 ± 5.0 |" in experiment.table_of(record, "restoration")
    assert "| fog | direct | 5.0 ± 5.0 | 9.0 ± 0.0 |" in experiment.table_of(record, "generation")
