"""One suite over every degradation, and what each of them is."""
import re

import pytest
import torch
import torch.nn.functional as F

from colddiff_nb import metrics
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import Degradation, check_degradation, make, measure
from colddiff_nb.degradations import tasks as degradations
from colddiff_nb.degradations.bases import cosines, haar, waves
from colddiff_nb.degradations.contract import PRECISIONS
from colddiff_nb.metrics.evaluation import evaluate
from colddiff_nb.training import recipe, train
from colddiff_nb.training.validation import validation_scores
from colddiff_nb.weights import load_model, load_pretrained

RECURSIVE = [("deblur", "mnist", {}), ("deblur", "mnist", {"T": 20}), ("deblur", "cifar10", {}), ("superres", "mnist", {}),
         ("superres", "cifar10", {"pooling": "bicubic"}), ("superres", "cifar10", {"size": 64}), ("inpaint", "mnist", {}),
         ("inpaint", "cifar10", {"center": (3, 30)}), ("inpaint", "mnist", {"T": 5, "sigma": (2.0, 0.5)}), ("mean", "mnist", {}), ("mean", "cifar10", {"T": 3, "size": 16})]
CASES = [*RECURSIVE, ("decolour", "cifar10", {}), ("noise", "mnist", {}), ("noise", "cifar10", {"T": 5}), ("line", "cifar10", {}),
         ("line", "mnist", {"end": "inpaint", "T": 7}), ("snow", "cifar10", {}), ("snow", "mnist", {"T": 9})]
SLOW_MOVING = [case for case in CASES if "pooling" not in case[2] and case[0] != "noise"]  # every pixel is an average of pixels, grey, white


def images(degrade, n=3, seed=0):
    channels = 1 if degrade.options["dataset"] == "mnist" else 3
    return torch.rand(n, channels, degrade.size, degrade.size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def case(parameters):
    task, dataset, options = parameters
    degrade = make(task, dataset, **options)
    x0 = images(degrade)
    return degrade, x0, degrade.draw(len(x0), torch.Generator().manual_seed(1))


def convolution(x, sigma, padding):
    taps = torch.arange(-5, 6, dtype=torch.float64)
    kernel = torch.exp(-(taps[:, None] ** 2 + taps ** 2) / (2 * sigma ** 2))
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, 11, 11)
    return F.conv2d(F.pad(x, (5, 5, 5, 5), mode=padding), kernel, groups=x.shape[1])


def sequential(degrade, drawn, x0):
    """x_0, x_1, ..., x_T by the paper's recursive definitions, in float64."""
    options, states = degrade.options, [x0.double()]
    for s in range(1, degrade.T + 1):
        x = states[-1]
        if degrade.task == "deblur":
            first, step = options["sigma"]
            x = convolution(x, first + step * (s - 1), options["padding"])
        elif degrade.task == "superres":
            small = F.avg_pool2d(x, 2 ** s) if options["pooling"] == "area" else F.interpolate(x, scale_factor=0.5 ** s, mode="bicubic")
            x = F.interpolate(small, size=x.shape[-2:], mode="nearest")
        elif degrade.task == "mean":  # an exact step of heat flow, then the mean
            widths = [0.0] + [0.5 * (1.5 * degrade.size) ** (i / (degrade.T - 1)) for i in range(degrade.T)]
            waves = 1 - torch.cos(2 * torch.pi * torch.fft.fftfreq(degrade.size, dtype=torch.float64))
            gain = torch.exp(-(widths[s] ** 2 - widths[s - 1] ** 2) * (waves + waves[:, None]))
            x = torch.fft.ifft2(torch.fft.fft2(x) * gain).real if s < degrade.T else x.mean((-1, -2), keepdim=True).expand_as(x)
        else:
            first, step = options["sigma"]
            centers = drawn.randomness if options["center"] is None else torch.tensor([options["center"]] * len(x))
            rows, columns = torch.meshgrid(torch.arange(degrade.size), torch.arange(degrade.size), indexing="ij")
            for i, (row, column) in enumerate(centers.tolist()):
                squared = (rows - row) ** 2 + (columns - column) ** 2
                x = x.clone()
                x[i] = states[-1][i] * (1 - torch.exp(-squared.double() / (2 * (first + step * (s - 1)) ** 2)))
        states.append(x)
    return states


@pytest.mark.parametrize("parameters", CASES, ids=str)
def test_severity_zero_is_the_image_bit_for_bit(parameters):
    degrade, x0, drawn = case(parameters)
    assert torch.equal(drawn(x0, 0), x0)
    assert torch.equal(drawn(x0, torch.zeros(len(x0), dtype=torch.long)), x0)
    mixed = drawn(x0, torch.tensor([0, 1, degrade.T]))
    assert torch.equal(mixed[0], x0[0]) and not torch.equal(mixed[1], x0[1])


@pytest.mark.parametrize("parameters", RECURSIVE, ids=str)
def test_closed_form_equals_the_recursive_definition(parameters):
    degrade, x0, drawn = case(parameters)
    for t, expected in enumerate(sequential(degrade, drawn, x0)):
        assert (drawn(x0, t) - expected).abs().max() < 1e-5, f"t = {t}"


@pytest.mark.parametrize("parameters", CASES, ids=str)
def test_severities_of_a_batch_equal_one_by_one(parameters):
    degrade, x0, drawn = case(parameters)
    t = torch.tensor([1, degrade.T, degrade.T // 2])
    together = drawn(x0, t)
    for i in range(len(x0)):
        assert torch.allclose(together[i:i + 1], drawn[i:i + 1](x0[i:i + 1], int(t[i])), atol=1e-6)


@pytest.mark.parametrize("parameters", CASES, ids=str)
def test_autocast_changes_nothing(parameters):
    degrade, x0, drawn = case(parameters)
    outside = drawn(x0, degrade.T)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = drawn(x0, degrade.T)
    assert inside.dtype == torch.float32 and torch.equal(inside, outside)


@pytest.mark.parametrize("parameters", CASES, ids=str)
def test_a_draw_is_fixed_and_slices_agree_with_the_whole(parameters):
    degrade, x0, drawn = case(parameters)
    assert len(drawn) == len(x0) and drawn.T == degrade.T
    whole = drawn(x0, degrade.T)
    assert torch.equal(whole, drawn(x0, degrade.T))
    assert torch.allclose(torch.cat([drawn[:1](x0[:1], degrade.T), drawn[1:](x0[1:], degrade.T)]), whole, atol=1e-6)
    with pytest.raises(ValueError, match="slice the draw"):
        drawn(x0[:2], 1)


@pytest.mark.parametrize("parameters", SLOW_MOVING, ids=str)
def test_averages_stay_in_range(parameters):
    degrade, x0, drawn = case(parameters)
    extreme = x0.sign()
    for t in range(degrade.T + 1):
        assert drawn(extreme, t).abs().max() <= 1 + 1e-5


@pytest.mark.parametrize("parameters", CASES, ids=str)
def test_options_rebuild_the_same_degradation(parameters):
    degrade, x0, drawn = case(parameters)
    again = make(**degrade.options).draw(len(x0), torch.Generator().manual_seed(1))
    assert torch.equal(again(x0, degrade.T), drawn(x0, degrade.T))


def test_centres_are_drawn_per_image_over_rows_and_columns_from_minus_one():
    centers = make("inpaint", "mnist").draw(5_000, torch.Generator().manual_seed(0)).randomness
    assert centers.shape == (5_000, 2) and centers.min() == -1 and centers.max() == 31
    assert len(centers.unique(dim=0)) > 900


def test_an_undrawn_random_degradation_is_refused():
    degrade = make("inpaint", "mnist")
    with pytest.raises(ValueError, match="fix its randomness first"):
        degrade(images(degrade), 3)


def test_the_last_states_are_what_they_are_named_after():
    x0, seed = images(make("superres", "cifar10")), torch.Generator().manual_seed(0)
    grey = make("decolour", "cifar10")(x0, 20)
    assert torch.allclose(grey[:, :1].expand_as(grey), grey) and torch.allclose(grey[:, 0], (x0 * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1))
    mean = make("mean", "cifar10")(x0, 40)
    assert torch.allclose(mean, x0.mean((-1, -2), keepdim=True).expand_as(x0), atol=1e-6)
    noise = make("noise", "cifar10").draw(3, seed)
    assert torch.allclose(noise(x0, 200), noise.randomness, atol=1e-6) and abs(float(noise.randomness.std()) - 1) < 0.05
    middle = torch.stack([noise(x0, 100), noise.randomness, x0]).flatten(1)
    assert float(torch.linalg.lstsq(middle[1:].T, middle[0]).solution.square().sum()) == pytest.approx(1, abs=1e-5)  # abar + (1 - abar)
    assert torch.allclose(make("line", "cifar10")(x0, 10), (x0 + make("superres", "cifar10")(x0, 3)) / 2, atol=1e-6)
    white = [float((make("snow", "cifar10").draw(3, torch.Generator().manual_seed(0))(x0, t) == 1).float().mean()) for t in (0, 40, 120, 200)]
    assert white[0] == 0 and white == sorted(white) and 0.1 < white[-1] < 0.5


@pytest.mark.parametrize("task, dataset", [("superres", "mnist"), ("superres", "cifar10"), ("inpaint", "mnist"), ("deblur", "mnist"), ("deblur", "cifar10")])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_projection_agrees_with_the_measurement_and_leaves_the_rest(task, dataset, precision):
    degrade, x0, drawn = case((task, dataset, {}))
    x_T, guess = measure(drawn(x0, degrade.T), precision), torch.zeros_like(x0)
    projected = drawn.project(guess, x_T, measurement_precision=precision)
    assert (projected - x0).norm() < (guess - x0).norm()  # of MNIST's blur 8 bits tell the mean alone
    assert torch.allclose(drawn.project(projected, x_T, measurement_precision=precision), projected, atol=1e-4)
    assert torch.allclose(drawn.project(x0, x_T, measurement_precision=precision), x0, atol=0.15)  # the truth agrees, but for rounding
    again = drawn(projected, degrade.T)
    if task == "inpaint":
        known = drawn(torch.ones_like(x0), degrade.T) > 0.05
        assert torch.allclose(again[known], x_T[known], atol=1e-5) and torch.equal(projected[~known], guess[~known])
        assert known.float().mean() > 0.5
    else:
        assert (again - x_T).abs().max() < {"float32": 1e-5, "8bit": 0.1}[precision]
    assert torch.equal(drawn[:1].project(guess[:1], x_T[:1], measurement_precision=precision), projected[:1])


def test_a_blur_in_8_bits_tells_less():
    degrade = make("deblur", "cifar10")
    x0 = images(degrade)
    kept = [degrade.project(x0 * 0, degrade(x0, 50), measurement_precision=precision).norm() for precision in ("float32", "8bit")]
    assert kept[1] < 0.7 * kept[0]


def test_projection_never_raises_the_error_of_direct_super_resolution():
    """From a float32 measurement, for every image: of the shipped network, and of guesses that are far off."""
    restore, degrade, _ = load_pretrained("superres", "mnist")
    x0 = to_float(load("mnist5k", "test").pixels[:50])
    x_T = degrade(x0, 3)
    for guess in (restore(x_T, torch.full((50,), 3)), torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))):
        before, after = (metrics.squared_errors(x, x0) for x in (guess, degrade.project(guess.clamp(-1, 1), x_T)))
        assert (after <= before + 1e-9).all() and after.mean() < before.mean()


class Fade(Degradation):
    """The worked example of contract.py."""

    def apply_at(self, x0, t, randomness):
        return x0 * (1 - self.share(t, x0))


KERNEL = torch.full((1, 1, 1, 1), 0.5)


def flawed(apply_at, **others):
    return type("Flawed", (Fade,), {"apply_at": apply_at, **others})(32, {"task": "flawed"}, 10)


@pytest.mark.parametrize("degrade, sentence", [
    (flawed(lambda self, x0, t, r: x0 * (1 - int(t[0]) / 10)), "use t.view"),
    (flawed(lambda self, x0, t, r: x0 * (1 - t / 10)), "^D\\(x0, 10\\) fails for four images: RuntimeError: The size of tensor.*t.view"),
    (flawed(lambda self, x0, t, r: torch.rand_like(x0)), "take what is random from `draw_randomness"),
    (flawed(lambda self, x0, t, r: x0 / 0), "values are not finite"),
    (flawed(lambda self, x0, t, r: 3 * x0), r"values leave \[-1, 1\]"),
    (flawed(lambda self, x0, t, r: x0), "the largest severity changes nothing"),
    (flawed(lambda self, x0, t, r: x0.mul_(0.5)), r"x0 is changed in place: .*x0\.clone\(\)"),
    (flawed(lambda self, x0, t, r: F.conv2d(x0, torch.full((1, 1, 1, 1), 0.5))), r"no images in float64.*kernel\.to\(x0\)"),
    (flawed(lambda self, x0, t, r: x0 * [None, 0.5, 0.2, 0.1][min(3, t.tolist()[-1])]), "one t for each image .*TypeError"),
    (flawed(lambda self, x0, t, r: x0 * (1 - t / 10).view(-1, 1, 1, 1) if len(x0) > 1 else x0[:, :, 1:]), "one t for each image"),
])
def test_a_flaw_is_said_in_words(degrade, sentence):
    found = check_degradation(degrade)
    assert re.search(sentence, " ".join(found)) and not any("\n" in line for line in found)


@pytest.mark.parametrize("apply_at, sentence", [
    (lambda self, x0, t, r: F.conv2d(x0, KERNEL.to(x0.device)), "no images in float64"),
    pytest.param(lambda self, x0, t, r: F.conv2d(x0, KERNEL.to(x0.dtype)), "on a GPU it fails",
                 marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))])
def test_a_flaw_gets_its_own_sentence_alone(apply_at, sentence):
    said, = check_degradation(flawed(apply_at))
    assert sentence in said


class Motion(Degradation):
    """A newcomer's: each image by itself is smeared along its rows by 1 + t pixels, with kernels in a plain list."""

    def __init__(self, size, options, T):
        super().__init__(size, options, T)
        self.kernels = [torch.ones(1, 1, 1, 1 + t) / (1 + t) for t in range(T + 1)]

    def draw_randomness(self, n, generator):
        return torch.stack([torch.randint(2, (1,), generator=generator) for _ in range(n)])  # to the left or the right

    def apply_at(self, x0, t, mirrored):
        smeared = []
        for image, severity, other_way in zip(x0, t.tolist(), mirrored):
            image = image.flip(-1) if other_way else image
            padded = F.pad(image.unsqueeze(1), (0, severity, 0, 0), mode="replicate")
            moved = F.conv2d(padded, self.kernels[severity].to(x0)).squeeze(1)
            smeared.append(moved.flip(-1) if other_way else moved)
        return torch.stack(smeared)


@pytest.mark.parametrize("rollout", [0.0, 0.5])
def test_a_looped_motion_blur_of_a_newcomer_trains_and_evaluates(rollout, tmp_path, monkeypatch):
    monkeypatch.setitem(degradations.MAKERS, "motion", None)  # taken out again afterwards
    degradations.register("motion", Motion, T=6)
    assert check_degradation(make("motion")) == [] and check_degradation(make("motion", "photos"), channels=3) == []
    choice = recipe("smoke", "motion", "mnist5k", steps=3, batch=4, widths=(8, 8, 8), rollout=rollout)
    train(choice, tmp_path, until=1, log=lambda line: None)
    train(choice, tmp_path, on_evaluate=validation_scores(choice, n=2), log=lambda line: None)
    model = load_model(tmp_path / "weights.safetensors")
    cells = evaluate(model, load("mnist5k", "test"), n=4, log=lambda line: None)["cells"]
    assert len(cells) == 4 and cells[0]["rmse"] > 0.05


def test_no_images_are_no_trouble_and_a_degradation_knows_its_device():
    degrade, nothing = Motion(32, {"task": "motion"}, 6), torch.zeros(0, 1, 32, 32)
    assert degrade.draw(0)(nothing, 3).shape == nothing.shape == degrade.draw(0)(nothing, torch.zeros(0, dtype=torch.long)).shape
    assert degrade.random and degrade.device.type == "cpu" and degrade.to("meta").device.type == "meta"
    before = torch.get_rng_state()
    assert degrade.random and torch.equal(before, torch.get_rng_state()), "to ask costs no draw of the reader's"


@pytest.mark.parametrize("parameters", CASES, ids=str)
def test_no_flaw_is_found_in_those_of_the_package(parameters):
    degrade, x0, _ = case(parameters)
    assert check_degradation(degrade, x0.shape[1], bounded=parameters in SLOW_MOVING) == []


def test_a_degradation_of_your_own_is_found_by_make_and_by_recipes(monkeypatch):
    monkeypatch.setattr(degradations, "MAKERS", dict(degradations.MAKERS))
    degradations.register("fade", Fade, T=20)
    degrade = make("fade", "cifar10", size=16)
    x0 = images(degrade)
    assert degrade.T == 20 and torch.allclose(degrade(x0, 5), 0.75 * x0) and make(**degrade.options).T == 20
    assert check_degradation(degrade) == []
    degradations.register("fade", Fade, T=10)  # the cell was run again
    assert make("fade").T == 10


@pytest.mark.parametrize("call, message", [
    (lambda: make("decolour"), "mnist has no colour to lose: decolour takes a colour data set, such as cifar10"),
    (lambda: make("line", end="nowhere"), "unknown task 'nowhere'"),
    (lambda: degradations.register("fade", Fade), r"fade has no default T: register\('fade', maker, T=20\)"),
    (lambda: make("noise").draw(1).project(torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)), "noise has no projection"),
    (lambda: make("inpaint").project(torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)), "fix its randomness first"),
    (lambda: make("superres").project(torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32), 4), r"outside 0..3"),
    (lambda: make("inpaint").draw(1).project(torch.zeros(4, 1, 32, 32), torch.zeros(4, 1, 32, 32)), "4 images meet a draw for 1"),
    (lambda: make("superres").project(torch.zeros(1, 3, 32, 32), torch.zeros(1, 1, 32, 32)), r"x0_hat is \(1, 3, 32, 32\), x_T \(1, 1, 32, 32\)"),
    (lambda: make("noise", "cifar10").draw(2)(torch.zeros(2, 1, 32, 32), 3), r"images have 1 channels, the noise 3: make\('noise', dataset\)"),
    (lambda: make("noise").draw(2)(torch.zeros(2, 3, 32, 32), 3), "images have 3 channels, the noise 1"),
    (lambda: make("superres").project(torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32), measurement_precision="16bit"),
     "unknown measurement_precision '16bit': choose one of float32, 8bit"),
    (lambda: degradations.register("deblur", Fade, T=20),
     "deblur is a task of the package: register yours under another name"),
    (lambda: degradations.register("snow", Fade, T=20), "snow is a task of the package"),
    (lambda: make("deblur", "MNIST"),
     "unknown data set 'MNIST': choose one of mnist, fashion, cifar10, mnist5k, photos, folder:PATH"),
    (lambda: make("superres", "imagenet"), "unknown data set 'imagenet'"),
    (lambda: make("inpaint", 10), "unknown data set 10"),
    (lambda: make("sharpen"), "unknown task 'sharpen': choose one of deblur, superres, inpaint"),
    (lambda: make("superres", size=30), "size = 30 cannot be halved T = 3 times"),
    (lambda: make("superres", pooling="max"), "unknown pooling 'max': choose one of area, bicubic"),
    (lambda: make("deblur", kernel=10), "kernel = 10: give an odd number"),
    (lambda: make("deblur", "cifar10", size=4), "kernel = 11: .* at most 7 for images of 4"),
    (lambda: make("deblur", padding="zero"), "unknown padding 'zero': choose one of circular, reflect"),
    (lambda: make("deblur", sigma=-1.0), "every width must be at least 0.01"),
    (lambda: make("deblur", centre=3), "deblur has no option centre: choose from T, kernel"),
    (lambda: make("inpaint", center=(0, 400)), r"center = \(0, 400\)"),
    (lambda: make("inpaint", T=0), "T = 0: give the largest severity, 1 to 1,000"),
    (lambda: make("deblur")(torch.zeros(1, 1, 28, 28), 1), r"images are torch.float32 \(1, 1, 28, 28\); this deblur takes floats \(B, C, 32, 32\)"),
    (lambda: make("deblur")(torch.zeros(1, 1, 32, 32, dtype=torch.uint8), 1), r"images are torch.uint8 .*: data.to_float\(pixels\)"),
    (lambda: make("deblur")(torch.zeros(1, 1, 32, 32), 41), r"t = 41..41 lies outside 0..40"),
    (lambda: make("deblur")(torch.zeros(1, 1, 32, 32), -1), r"outside 0..40"),
    (lambda: make("deblur")(torch.zeros(2, 1, 32, 32), torch.tensor([1, 99])), r"t = 1..99 lies outside 0..40"),
    (lambda: make("deblur")(torch.zeros(2, 1, 32, 32), torch.tensor([1])), r"give an int or a LongTensor \(2,\)"),
    (lambda: measure(torch.zeros(1), "16bit"), "choose one of float32, 8bit"),
])
def test_bad_input_gets_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_eight_bits_keep_256_levels():
    x = torch.linspace(-1, 1, 10_001)
    rounded = measure(x, "8bit")
    assert len(rounded.unique()) == 256 and (rounded - x).abs().max() <= 1 / 255 + 1e-6
    assert torch.equal(measure(rounded, "8bit"), rounded) and torch.equal(measure(x, "float32"), x)


@pytest.mark.parametrize("task, dataset, options", [
    ("deblur", "mnist", {}), ("deblur", "cifar10", {}), ("deblur", "cifar10", {"size": 2, "kernel": 3}), ("deblur", "mnist", {"size": 7, "kernel": 3}),
    ("superres", "mnist", {}), ("superres", "cifar10", {"size": 24, "T": 2}), ("mean", "cifar10", {}), ("inpaint", "mnist", {})])
def test_linear_degradations_only_scale_coefficients_in_one_basis(task, dataset, options):
    degrade = make(task, dataset, **options)
    drawn = degrade.draw(2, torch.Generator().manual_seed(0))
    x0 = torch.randn(2, 3, degrade.size, degrade.size, dtype=torch.float64)
    assert torch.allclose(degrade.synthesise(degrade.analyse(x0)), x0, atol=1e-12)
    for t in (1, degrade.T):
        gains = degrade.gains_at(torch.full((2,), t), drawn.randomness)
        assert torch.allclose(degrade.analyse(drawn(x0, t)), gains * degrade.analyse(x0), atol=1e-6 if task == "inpaint" else 1e-12)


def test_the_bases_are_well_conditioned():
    for basis, _ in (waves(32), waves(31), haar(32, 5)):
        assert torch.allclose(basis[0].mT @ basis[0], torch.eye(len(basis[0]), dtype=torch.float64), atol=1e-12)
    assert torch.linalg.cond(cosines(32)[0][0]) < 1.5


def test_bicubic_pixelation_has_no_projection():
    with pytest.raises(ValueError, match="has no projection"):
        make("superres", pooling="bicubic").project(torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32))
