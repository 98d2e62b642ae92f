"""One suite over every degradation, and what each of them is."""
import pytest
import torch
import torch.nn.functional as F

from colddiff_nb.degradations import make, measure

CASES = [("deblur", "mnist", {}), ("deblur", "mnist", {"T": 20}), ("deblur", "cifar10", {}), ("superres", "mnist", {}),
         ("superres", "cifar10", {"pooling": "bicubic"}), ("superres", "cifar10", {"size": 64}), ("inpaint", "mnist", {}),
         ("inpaint", "cifar10", {"center": (3, 30)}), ("inpaint", "mnist", {"T": 5, "sigma": (2.0, 0.5)})]
SLOW_MOVING = [case for case in CASES if "pooling" not in case[2]]  # convex: every pixel is an average of pixels (and grey)


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


@pytest.mark.parametrize("parameters", CASES, ids=str)
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


@pytest.mark.parametrize("call, message", [
    (lambda: make("sharpen"), "unknown task 'sharpen': choose one of deblur, superres, inpaint"),
    (lambda: make("superres", size=30), "size = 30 cannot be halved T = 3 times"),
    (lambda: make("superres", pooling="max"), "choose area or bicubic"),
    (lambda: make("deblur", kernel=10), "kernel = 10 does not fit"),
    (lambda: make("deblur", "cifar10", size=4), "kernel = 11 does not fit"),
    (lambda: make("deblur", padding="zero"), "choose circular or reflect"),
    (lambda: make("deblur", sigma=-1.0), "every width must be positive"),
    (lambda: make("deblur", centre=3), "deblur has no option centre: choose from T, kernel"),
    (lambda: make("inpaint", center=(0, 400)), r"center = \(0, 400\)"),
    (lambda: make("inpaint", T=0), "T = 0: both must be at least 1"),
    (lambda: make("deblur")(torch.zeros(1, 1, 28, 28), 1), r"shape \(1, 1, 28, 28\); deblur was made for \(B, C, 32, 32\)"),
    (lambda: make("deblur")(torch.zeros(1, 1, 32, 32, dtype=torch.uint8), 1), "images are torch.uint8; give floating point"),
    (lambda: make("deblur")(torch.zeros(1, 1, 32, 32), 41), r"t = 41..41 lies outside 0..40"),
    (lambda: make("deblur")(torch.zeros(1, 1, 32, 32), -1), r"outside 0..40"),
    (lambda: make("deblur")(torch.zeros(2, 1, 32, 32), torch.tensor([1, 99])), r"t = 1..99 lies outside 0..40"),
    (lambda: make("deblur")(torch.zeros(2, 1, 32, 32), torch.tensor([1])), r"give an int or a LongTensor \(2,\)"),
    (lambda: measure(torch.zeros(1), "16bit"), "choose float32 or 8bit"),
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
