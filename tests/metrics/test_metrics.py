"""RMSE, SSIM and the Frechet distance against independent computations, and the traps that give other numbers."""
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from colddiff_nb import metrics


@pytest.fixture(scope="module")
def pair():
    """24 smooth colour images in [-1, 1], and blemished ones that leave this range a little."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(24, 3, 8, 8, generator=generator) * 2 - 1
    originals = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear")
    strength = torch.linspace(0.05, 0.5, 24).view(-1, 1, 1, 1)
    return originals + strength * torch.randn(originals.shape, generator=generator), originals


def unit(images):
    return ((images.numpy().astype(np.float64) + 1) / 2).clip(0, 1)


def test_rmse_is_one_root_on_the_unit_range(pair):
    a, b = map(unit, pair)
    assert metrics.rmse(*pair) == pytest.approx(np.sqrt(np.mean((a - b) ** 2)), abs=1e-6)
    mean_of_roots = np.mean([np.sqrt(np.mean((x - y) ** 2)) for x, y in zip(a, b, strict=True)])
    assert abs(metrics.rmse(*pair) - mean_of_roots) > 0.005
    black, white = torch.full((2, 1, 32, 32), -1.0), torch.full((2, 1, 32, 32), 1.0)
    assert metrics.rmse(black, white) == 1
    assert metrics.rmse(3 * white, white) == 0, "images must be clamped before they are compared"


def test_ssim_equals_scikit_image_without_its_border(pair):
    from skimage.metrics import structural_similarity

    expected = []
    for a, b in zip(*map(unit, pair), strict=True):
        _, full = structural_similarity(a, b, channel_axis=0, data_range=1.0, gaussian_weights=True, sigma=1.5,
                                        use_sample_covariance=False, full=True)
        expected.append(full[:, 5:-5, 5:-5].mean())
    np.testing.assert_allclose(metrics.similarities(*pair).numpy(), expected, atol=1e-5)
    assert metrics.ssim(*pair) == pytest.approx(np.mean(expected), abs=1e-5)


def test_ssim_is_not_the_average_over_a_reflected_border():
    """The trap: on pixelated digits with a black border the padded average is far too kind."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    digit = torch.full((1, 1, 32, 32), -1.0)
    digit[..., 8:24, 14:18] = 1
    blurred = torch.nn.functional.interpolate(torch.nn.functional.avg_pool2d(digit, 8), size=(32, 32))
    padded = structural_similarity_index_measure((blurred + 1) / 2, (digit + 1) / 2, data_range=1.0).item()
    assert padded > metrics.ssim(blurred, digit) + 0.1


def test_ssim_is_the_same_inside_autocast(pair):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = metrics.ssim(*pair)
    assert inside == metrics.ssim(*pair)


def test_perfect_images_score_perfectly(pair):
    _, originals = pair
    assert metrics.rmse(originals, originals) == 0
    assert metrics.ssim(originals, originals) == pytest.approx(1, abs=1e-6)


def test_scores_of_batches_are_those_of_the_whole(pair):
    for score, whole in ((metrics.squared_errors, metrics.rmse(*pair) ** 2), (metrics.similarities, metrics.ssim(*pair))):
        parts = [score(a, b) for a, b in zip(*(images.split(7) for images in pair), strict=True)]
        assert [len(part) for part in parts] == [7, 7, 7, 3]
        assert torch.cat(parts).mean().item() == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize(("restored", "originals", "message"), [
    (torch.zeros(2, 1, 32, 32), torch.zeros(2, 3, 32, 32), "give floats \\(B, C, H, W\\) twice"),
    (torch.zeros(1, 32, 32), torch.zeros(1, 32, 32), "give floats \\(B, C, H, W\\) twice"),
    (torch.zeros(2, 1, 32, 32, dtype=torch.uint8), torch.zeros(2, 1, 32, 32), "to_float"),
    (torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 8), "at least 11 x 11"),
])
def test_unfit_images_are_refused(restored, originals, message):
    with pytest.raises(ValueError, match=message) as error:
        metrics.similarities(restored, originals)
    assert "\n" not in str(error.value)


def test_errors_are_those_of_each_image_and_all_its_colours():
    originals = torch.zeros(2, 3, 16, 16)
    restored = originals.clone()
    restored[0, 0], restored[1, :, 0] = 1, -1
    assert metrics.squared_errors(restored, originals).tolist() == pytest.approx([0.25 / 3, 0.25 / 16])


def test_ssim_of_faint_images_is_on_the_scale_of_all_images():
    from skimage.metrics import structural_similarity

    generator = torch.Generator().manual_seed(0)
    originals, restored = (0.1 * torch.rand(2, 1, 32, 32, generator=generator) for _ in range(2))
    expected = [structural_similarity(a[0].numpy() / 2 + 0.5, b[0].numpy() / 2 + 0.5, data_range=1, gaussian_weights=True,
                                      use_sample_covariance=False) for a, b in zip(originals, restored)]
    assert metrics.similarities(restored, originals).tolist() == pytest.approx(expected, abs=1e-4)
    smallest = torch.zeros(1, 1, 11, 11)
    assert metrics.ssim(smallest, smallest) == 1


@pytest.mark.parametrize(("restored", "originals", "message"), [
    (torch.zeros(2, 3, 10, 20), torch.zeros(2, 3, 10, 20), "SSIM needs images of at least 11 x 11 pixels, not (10, 20)"),
    (torch.zeros(2, 3, 20, 10), torch.zeros(2, 3, 20, 10), "SSIM needs images of at least 11 x 11 pixels, not (20, 10)"),
    (torch.zeros(1, 3, 9, 9), torch.zeros(1, 1, 9, 9), "images are torch.float32 (1, 3, 9, 9) and torch.float32 (1, 1, 9, 9): "
     "give floats (B, C, H, W) twice, data.to_float(pixels)"),
])
def test_what_cannot_be_compared_is_named(restored, originals, message):
    with pytest.raises(ValueError) as raised:
        metrics.similarities(restored, originals)
    assert str(raised.value) == message


def test_contributions_to_the_gain_are_its_slopes():
    before, after = torch.tensor([4.0, 1.0, 7.0]).double(), torch.tensor([1.0, 0.5, 0.25]).double()
    weights = torch.full((3,), 1 / 3, dtype=torch.float64, requires_grad=True)
    gain = ((weights * before).sum() / (weights * after).sum()).sqrt()
    gain.backward()
    found = metrics.gain_contributions(before, after)
    assert torch.allclose(found, gain.detach() + weights.grad) and found.mean().item() == pytest.approx(gain.item())


def test_bootstrap_covers_the_mean_and_shrinks_with_more_images():
    values = torch.randn(400, generator=torch.Generator().manual_seed(0)) + 3
    low, high = metrics.bootstrap(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.15)  # 95 % of a mean of 400 values of deviation 1
    assert (low, high) == metrics.bootstrap(values) != metrics.bootstrap(values, seed=1)


def test_frechet_distance_of_known_gaussians():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(500, 6, generator=generator, dtype=torch.float64)
    assert metrics.frechet_distance(features, features) == pytest.approx(0, abs=1e-9)
    shift, scale = torch.arange(6.0, dtype=torch.float64), torch.linspace(0.5, 3, 6, dtype=torch.float64)
    assert metrics.frechet_distance(features, features + shift) == pytest.approx(55, abs=1e-8)
    # both covariances in one basis: the distance is |shift|^2 + sum of (deviation - scaled deviation)^2 along the axes
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=generator, dtype=torch.float64))[0]
    _, axes = torch.linalg.eigh(torch.cov(features.T))
    deviations = (features @ axes).std(0)
    scaled = (features @ axes * scale) @ axes.T
    expected = ((deviations * (scale - 1)) ** 2).sum() + ((scaled.mean(0) - features.mean(0)) ** 2).sum()
    assert metrics.frechet_distance(features @ rotation, scaled @ rotation) == pytest.approx(expected.item(), rel=1e-9)


def test_frechet_distance_with_covariances_that_do_not_commute():
    from scipy.linalg import sqrtm

    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn(300, 5, generator=generator) @ torch.randn(5, 5, generator=generator) for _ in range(2))
    A, B = np.cov(a.double().numpy().T), np.cov(b.double().numpy().T)
    expected = ((a.double().mean(0) - b.double().mean(0)) ** 2).sum().item() + np.trace(A + B - 2 * sqrtm(A @ B).real)
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert metrics.frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)


def test_the_interval_of_a_frechet_distance_is_how_it_scatters_over_fresh_images():
    generator, (mix, noise) = torch.Generator().manual_seed(0), torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(1))

    def draw(n=2_000):
        originals = torch.randn(n, 8, generator=generator) @ mix
        return originals, 0.8 * originals + 0.4 * torch.randn(n, 8, generator=generator) @ noise + 1

    scatter = torch.tensor([metrics.frechet_distance(*draw()) for _ in range(300)]).std().item()
    features = draw()
    contributions = metrics.frechet_contributions(*features)
    low, high = metrics.bootstrap(contributions)
    assert contributions.mean().item() == pytest.approx(metrics.frechet_distance(*features), rel=1e-9)
    assert high - low == pytest.approx(2 * 1.96 * scatter, rel=0.15)
    with pytest.raises(ValueError, match="of the same images"):
        metrics.frechet_contributions(features[0], features[1][:-1])


def test_frechet_distance_with_fewer_images_than_dimensions():
    features = torch.randn(20, 64, generator=torch.Generator().manual_seed(0))
    assert metrics.frechet_distance(features, features) == pytest.approx(0, abs=1e-4)
    assert metrics.frechet_distance(features, features + 1) == pytest.approx(64, rel=1e-4)


def test_unfit_features_are_refused():
    with pytest.raises(ValueError, match="give \\(N, d\\)"):
        metrics.frechet_distance(torch.zeros(5, 3), torch.zeros(5, 4))
    with pytest.raises(ValueError, match="at least 2"):
        metrics.frechet_distance(torch.zeros(1, 3), torch.zeros(5, 3))


def test_features_are_kept_in_a_file(tmp_path):
    calls = []

    def extract(images):
        calls.append(len(images))
        return images.flatten(1)[:, :4]

    images = torch.randn(10, 1, 4, 4)
    first = metrics.features_of(extract, images.split(4), tmp_path / "deep" / "features.pt")
    again = metrics.features_of(extract, images.split(4), tmp_path / "deep" / "features.pt")
    assert calls == [4, 4, 2]
    assert torch.equal(first, again) and torch.equal(first, images.flatten(1)[:, :4])
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["features.pt"]
    (tmp_path / "deep" / "features.pt").write_bytes(b"damaged")
    assert torch.equal(first, metrics.features_of(extract, images.split(4), tmp_path / "deep" / "features.pt"))


@pytest.fixture
def untrained_inception(monkeypatch):
    """torch-fidelity's network with random weights, the same each time, in the place of those it would download."""
    import torch_fidelity.feature_extractor_inceptionv3 as module

    def load(network, state_dict, *args):
        generator = torch.Generator().manual_seed(0)
        for name, value in network.named_parameters():
            spread = (2 / value[0].numel()) ** 0.5 if value.ndim > 1 else 0.1
            value.data.normal_(1.0 if name.endswith("bn.weight") else 0.0, spread, generator=generator)
        for name, value in network.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                value += torch.rand(value.shape, generator=generator) / 5  # around 0 and 1

    monkeypatch.setattr(module, "load_state_dict_from_url", lambda *args, **options: {})
    monkeypatch.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", load)


@pytest.mark.parametrize("resize", metrics.RESIZES)
def test_inception_resizes_as_it_says(untrained_inception, resize):
    inception = metrics.Inception(resize)
    assert resize in inception.name
    seen = []
    inception.first, inception.rest = lambda images: seen.append(images) or torch.zeros(len(images), 2048), nn.Identity()
    ramp = torch.linspace(-1, 1, 32).view(1, 1, 1, 32).expand(1, 1, 32, 32)
    assert inception(ramp).shape == (1, 2048)
    assert seen[0].shape == (1, 3, 299, 299)
    row = seen[0][0, 0, 0] * 128 + 128
    levels = (ramp[0, 0, 0] + 1) * 127.5
    # half-pixel: output 0 lies left of the first pixel's centre; TensorFlow 1: output i lies at 32 i / 299
    first_step = (32 / 299) * (levels[1] - levels[0])
    assert row[0] == pytest.approx(0, abs=1e-4)
    assert row[1].item() == pytest.approx(0 if resize == "half-pixel bilinear" else first_step.item(), abs=1e-3)
    assert (row - row.round()).abs().max() > 0.3, "nothing may be rounded after the resize"
    assert torch.equal(seen[0][:, 0], seen[0][:, 2]), "grey is repeated to three channels"


def test_inception_sees_what_rounding_makes_of_a_smooth_image(untrained_inception):
    smooth = torch.linspace(-0.01, 0.01, 32).view(1, 1, 1, 32).expand(1, 1, 32, 32)  # within three grey levels
    seen = {}
    for rounded in (False, True):
        inception = metrics.Inception(rounded=rounded)
        inception.first, inception.rest = lambda images, rounded=rounded: seen.update({rounded: images}) or torch.zeros(1, 2048), nn.Identity()
        inception(smooth)
    steps = {rounded: images[0, 0, 0].diff().abs().max() * 128 for rounded, images in seen.items()}
    assert steps[False] < 0.01 < 0.1 < steps[True], "in grey levels a pixel of 299"
    assert "unrounded" in metrics.Inception().name and "unrounded" not in metrics.Inception(rounded=True).name


def test_inception_is_that_of_torchmetrics(untrained_inception):
    from torchmetrics.image.fid import NoTrainInceptionV3

    inception = metrics.Inception("TensorFlow 1 bilinear", rounded=True)
    reference = NoTrainInceptionV3("inception-v3-compat", ["2048"], antialias=False)
    pixels = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = reference(pixels)
    assert expected.std() > 0.01, "features that differ"
    torch.testing.assert_close(inception(pixels.float() / 127.5 - 1), expected, rtol=1e-4, atol=1e-5)


def test_inception_in_bfloat16_is_near_and_says_so(untrained_inception):
    exact, fast = metrics.Inception(), metrics.Inception(dtype=torch.bfloat16)
    assert fast.name == exact.name + ", bfloat16"
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expected, features = exact(images), fast(images)
    assert features.dtype == torch.float32 and not torch.equal(features, expected)
    assert (features - expected).norm() < 0.05 * expected.norm()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>sign in first</html>",
        b"PK\x03\x04 cut short",
        pickle.dumps({"fc.weight": 1}),
        "another network",
    ],
)
def test_damaged_inception_weights_are_named(content, monkeypatch, tmp_path):
    """Whatever the libraries raise; nothing is scored first."""
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    file = tmp_path / "checkpoints" / Path(URL_INCEPTION_V3).name
    file.parent.mkdir()
    if content == "another network":
        torch.save({"weight": torch.zeros(2)}, file)
    else:
        file.write_bytes(content)
    with pytest.raises(OSError, match="the 2015 Inception weights cannot be used .*: delete .*anew") as error:
        metrics.Inception()
    assert str(file) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 95542320 bytes.")])
def test_too_little_memory_for_inception_does_not_blame_its_weights(error, monkeypatch):
    import torchmetrics.image.fid as module

    def starve(*arguments):
        raise error

    monkeypatch.setattr(module, "NoTrainInceptionV3", starve)
    with pytest.raises(type(error)) as raised:
        metrics.Inception()
    assert raised.value is error


def test_inception_that_cannot_be_had_says_why(monkeypatch, tmp_path):
    from urllib.error import URLError

    import torch_fidelity.feature_extractor_inceptionv3 as module

    def offline(*args, **options):
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(module, "load_state_dict_from_url", offline)
    with pytest.raises(OSError, match="no route to host.*: connect to the internet, or leave out FID") as error:
        metrics.Inception()
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="unknown resize 'nearest'"):
        metrics.Inception("nearest")
