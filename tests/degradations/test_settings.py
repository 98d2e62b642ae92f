"""What each setting of a degradation does, to the last value that is allowed."""
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from colddiff_nb.degradations import make, measure, tasks
from colddiff_nb.degradations.bases import cosines

EVERY_TASK = sorted(tasks.BUILT_IN)


def pixels(size=32, channels=3, n=2):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(("task", "dataset", "settings"), [
    ("deblur", "mnist", {"T": 40, "kernel": 11, "sigma": (7.0, 0.0), "padding": "circular"}),
    ("deblur", "cifar10", {"T": 50, "kernel": 11, "sigma": (0.35, 0.01), "padding": "reflect"}),
    ("superres", "mnist", {"T": 3, "pooling": "area"}),
    ("inpaint", "cifar10", {"T": 50, "sigma": (1.1, 0.1), "center": None}),
])
def test_the_settings_of_the_paper(task, dataset, settings):
    assert make(task, dataset).options == {"task": task, "dataset": dataset, "size": 32} | settings


def test_holes_grow_with_the_image_and_blur_keeps_its_pixels():
    assert make("inpaint", size=64).options["sigma"] == pytest.approx((2.2, 0.2))
    assert make("deblur", "cifar10", size=64).options["sigma"] == (0.35, 0.01)


@pytest.mark.parametrize("task", EVERY_TASK)
def test_a_degradation_has_no_weights_to_keep(task):
    options = {"pooling": "bicubic"} if task == "superres" else {}
    assert not make(task, "cifar10").state_dict() and not make(task, "cifar10", **options).state_dict()


@pytest.mark.parametrize("t", [np.int64(3), torch.tensor(3), torch.tensor([3, 3], dtype=torch.int32)])
def test_a_severity_may_be_any_whole_number(t):
    assert torch.equal(make("superres")(pixels(), t), make("superres")(pixels(), 3))


@pytest.mark.parametrize("task", EVERY_TASK)
def test_float64_images_are_degraded_in_float64(task):
    degrade, x0 = make(task, "cifar10"), pixels().double()
    drawn = degrade.draw(2, torch.Generator().manual_seed(0))
    x_t, rounded = drawn(x0, degrade.T), drawn(x0.float(), degrade.T)
    assert x_t.dtype == torch.float64 and (x_t - rounded).abs().max() < 1e-5


def test_the_share_of_a_line_is_exact():
    degrade, x0 = make("line", "cifar10", T=3, end="superres"), pixels().double()
    y = make("superres", "cifar10")(x0, 3)
    assert (degrade(x0, 1) - (2 * x0 + y) / 3).abs().max() < 1e-15


def test_a_line_ends_in_the_task_it_names_for_the_same_images():
    end = make("line", "cifar10", end="deblur", size=16).end
    assert end.options == make("deblur", "cifar10", size=16).options


def test_noise_follows_the_cosine_schedule():
    T = 1000
    degrade = make("noise", "mnist", T=T)
    angles = [(t / T + 0.008) / 1.008 * math.pi / 2 for t in range(T + 1)]
    signal = torch.tensor([math.cos(angle) / math.cos(angles[0]) for angle in angles], dtype=torch.float64)
    assert torch.allclose(degrade.signal_level.double(), signal, rtol=0, atol=1e-7)
    assert torch.allclose(degrade.noise_level.double(), (1 - signal ** 2).sqrt(), rtol=1e-5, atol=0)


def test_noise_is_estimated_from_a_state_and_a_guess():
    degrade, x0 = make("noise", "cifar10", T=10), pixels()
    drawn = degrade.draw(2, torch.Generator().manual_seed(0))
    estimated = degrade.estimate(drawn(x0, 7), x0, 7)
    assert torch.allclose(estimated.randomness, drawn.randomness, atol=1e-5) and estimated.degrade is degrade
    wrong = degrade.estimate(drawn(x0, 7), 0 * x0, 7)
    assert torch.allclose(wrong(0 * x0, 7), drawn(x0, 7), atol=1e-6)


def test_snow_falls_over_five_pixels_in_one_direction_an_image():
    n, size = 6, 16
    generator = torch.Generator().manual_seed(3)
    flakes = torch.randn(n, 1, size, size, generator=generator)
    slants = torch.randint(-1, 2, (n, 1, 1, 1), generator=generator).flatten().tolist()
    assert set(slants) == {-1, 0, 1}
    degrade = make("snow", "mnist", size=size, T=4)
    streaks = degrade.draw(n, torch.Generator().manual_seed(3)).randomness
    for image, slant in enumerate(slants):
        for row, column in [(0, 0), (7, 3), (15, 15)]:
            fallen = sum(flakes[image, 0, (row - i) % size, (column - slant * i) % size] for i in range(5))
            assert streaks[image, 0, row, column] == pytest.approx(float(fallen) / math.sqrt(5), abs=1e-5)


@pytest.mark.parametrize(("value", "streak", "expected"), [
    (-1.0, -9.0, -0.5), (0.5, -9.0, 0.5), (-1.0, 0.6, -0.3), (-1.0, 2.0, 1.0)])
def test_snow_pales_an_image_and_covers_it(value, streak, expected):
    degrade = make("snow", "mnist", T=2)
    x_T = degrade.apply_at(torch.full((1, 1, 1, 1), value), torch.tensor([2]), torch.full((1, 1, 1, 1), streak))
    assert float(x_T) == pytest.approx(expected, abs=1e-6)


def test_the_mean_is_all_that_is_left():
    degrade, x0 = make("mean", "cifar10", T=2), pixels().double()
    assert (degrade(x0, 2) - x0.mean((-2, -1), keepdim=True)).abs().max() < 1e-12


@pytest.mark.parametrize("size", [2, 3])
def test_blur_with_mirrors_fits_the_smallest_images(size):
    degrade, x0 = make("deblur", "photos", size=size, T=1, kernel=3, sigma=1.0), pixels(size).double()
    (basis, inverse), angles = cosines(size)
    assert basis.shape == (size, size) and angles.shape == (size,)
    assert (basis @ inverse - torch.eye(size)).abs().max() < 1e-12
    side = math.exp(-0.5)
    taps = torch.tensor([side, 1, side], dtype=torch.float64) / (1 + 2 * side)
    kernel = (taps[:, None] * taps).expand(3, 1, 3, 3)
    assert (degrade(x0, 1) - F.conv2d(F.pad(x0, (1,) * 4, mode="reflect"), kernel, groups=3)).abs().max() < 1e-12


def test_one_width_stays_and_a_kernel_of_one_pixel_changes_nothing():
    x0 = pixels(16)
    one, pair = (make("deblur", "cifar10", size=16, T=3, sigma=sigma) for sigma in (2.0, (2.0, 0.0)))
    assert torch.equal(one(x0, 3), pair(x0, 3))
    assert (make("deblur", "cifar10", size=16, T=3, kernel=1)(x0, 3) - x0).abs().max() < 1e-6


def test_four_halvings_leave_the_mean():
    degrade, x0 = make("superres", "cifar10", size=16, T=4), pixels(16).double()
    for t in range(1, 5):
        blocks = F.interpolate(F.avg_pool2d(x0, 2 ** t), scale_factor=2 ** t, mode="nearest")
        assert (degrade(x0, t) - blocks).abs().max() < 1e-12
    assert make("superres", "cifar10", size=8, T=3, pooling="bicubic")(pixels(8), 3).shape == (2, 3, 8, 8)


def test_every_mask_that_can_be_drawn_is_listed_once():
    degrade = make("inpaint", "mnist", size=8)
    centers = degrade.centers()
    assert sorted(map(tuple, centers.tolist())) == [(row, column) for row in range(-1, 8) for column in range(-1, 8)]


@pytest.mark.parametrize("center", [(-16, -16), (31, 31), (0, 15)])
def test_a_mask_may_stand_beside_the_image(center):
    gains = make("inpaint", "mnist", size=16, T=1, sigma=9.0, center=center)(torch.ones(1, 1, 16, 16), 1)
    squared = [[(row - center[0]) ** 2 + (column - center[1]) ** 2 for column in range(16)] for row in range(16)]
    assert torch.allclose(gains[0, 0], 1 - torch.exp(-torch.tensor(squared) / (2 * 9.0 ** 2)), atol=1e-6)


def test_a_projection_is_the_same_inside_autocast():
    degrade, x0 = make("deblur", "cifar10"), pixels()
    expected = degrade.project(0 * x0, degrade(x0, 9), 9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(degrade.project(0 * x0, degrade(x0, 9), 9), expected)


def test_eight_bits_cut_off_what_lies_outside():
    assert measure(torch.tensor([-3.0, -1.0, 1.0, 3.0]), "8bit").tolist() == [-1, -1, 1, 1]


def test_the_largest_and_smallest_settings_are_taken(monkeypatch):
    monkeypatch.setattr(tasks, "MAKERS", dict(tasks.MAKERS))
    for T in (1, 1_000):
        tasks.register("mine", tasks.Decolour, T=T)
        assert make("mine", "cifar10").T == T
    make("inpaint", T=1, sigma=1e6)
    make("inpaint", T=1, sigma=0.01)
    make("deblur", size=8, kernel=15)
    drawn = make("inpaint").draw(0)
    assert len(drawn) == 0 and drawn(pixels(channels=1, n=0), 3).shape == (0, 1, 32, 32)
    assert make("deblur").undrawn(pixels(channels=1)).randomness.shape == (2, 0)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: make("inpaint", size=129), "size = 129: give pixels, 2 to 128"),
    (lambda: make("snow", size=1), "size = 1: give pixels, 2 to 128"),
    (lambda: make("inpaint", T=1_001), "T = 1001: give the largest severity, 1 to 1,000"),
    (lambda: make("superres", kernel=3, wide=1), "superres has no option kernel, wide: choose from T, pooling, size"),
    (lambda: make("superres")([1], 3), "images are a list; this superres takes floats (B, C, 32, 32) in [-1, 1]: data.to_float(pixels), or make(..., size=...)"),
    (lambda: make("superres")(pixels(16), 3), "images are torch.float32 (2, 3, 16, 16); this superres takes floats (B, C, 32, 32) in [-1, 1]: "
     "data.to_float(pixels), or make(..., size=...)"),
    (lambda: make("superres")(pixels(), torch.ones(2)), "t is torch.float32 (2,); give an int or a LongTensor (2,)"),
    (lambda: make("superres")(pixels(), 1.5), "t is torch.float32 (2,); give an int or a LongTensor (2,)"),
    (lambda: tasks.register("mine", tasks.Snow, T=1_001), "mine has no default T: register('mine', maker, T=20)"),
    (lambda: make("deblur", size=8, kernel=17), "kernel = 17: give an odd number of pixels, at most 15 for images of 8"),
    (lambda: make("deblur", size=8, kernel=0), "kernel = 0: give an odd number of pixels, at most 15 for images of 8"),
    (lambda: make("superres", size=24, T=4), "size = 24 cannot be halved T = 4 times: choose a multiple of 16, or a smaller T"),
    (lambda: make("inpaint", size=8, center=(-9, 0)), "center = (-9, 0): give (row, col) as whole pixels in -8..15"),
    (lambda: make("inpaint", size=8, center=(0, 16)), "center = (0, 16): give (row, col) as whole pixels in -8..15"),
    *((lambda sigma=sigma: make("inpaint", T=3, sigma=sigma), f"sigma = {sigma!r}: give a number of pixels, or (first, step) for the 3 steps; "
       "every width must be at least 0.01") for sigma in ("wide", (1.0, 2.0, 3.0), (1.0, "wide"), 2e6, (0.1, -0.06), None, [])),
    (lambda: make("inpaint").undrawn(pixels()), "inpaint is random: fix its randomness first, degrade.draw(2, generator)(x0, t)"),
])
def test_what_cannot_be_is_said_with_its_limits(call, message, monkeypatch):
    monkeypatch.setattr(tasks, "MAKERS", dict(tasks.MAKERS))
    with pytest.raises(ValueError) as raised:
        call()
    assert str(raised.value) == message
