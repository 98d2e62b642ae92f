"""What is shipped gives its recorded scores again; least squares is the formula."""
import json
import os
from pathlib import Path

import pytest
import torch

from colddiff_nb import data, metrics
from colddiff_nb.data import pixels as pixels_of
from colddiff_nb.degradations import make, measure
from colddiff_nb.metrics.evaluation import evaluate
from colddiff_nb.metrics.lmmse import statistics
from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.weights import load_pretrained, shipped_classifier, shipped_models
from colddiff_nb.weights.pretrained import SHIPPED, pretrained_file
from studies import baselines

pytestmark = pytest.mark.slow

HOME = Path(__file__).resolve().parents[2]
FULL = os.environ.get("COLDDIFF_DATA", "")

# RMSE and SSIM on the 1,000 test digits of mnist5k: mean and covariance of its 4,000 training digits, and the noise variance given.
# What float32 keeps of a blurred image depends on the last bits of the processor's sums: a wide tolerance there.
LINEAR = {("superres", None): {("float32", 1e-4): (0.1723, 0.4348, 1e-3)},
          ("inpaint", None): {("8bit", 5e-6): (0.1359, 0.6125, 1e-3)},
          ("deblur", 20): {("8bit", 5e-6): (0.2006, 0.2859, 1e-3), ("float32", 4e-14): (0.1831, 0.3669, 1e-2)}}


@pytest.mark.parametrize(("task", "T"), list(LINEAR))
def test_rows_of_the_linear_estimator(task, T):
    degrade, test = make(task, "mnist5k", T=T), data.load("mnist5k", "test")
    x0 = data.to_float(test.pixels)
    estimator = baselines.estimator(degrade, statistics(data.load("mnist5k", "train")), 0.0)
    for (precision, noise), (rmse, ssim, tolerance) in LINEAR[task, T].items():
        drawn = degrade.draw(len(x0), torch.Generator().manual_seed(0))
        restored = estimator.with_noise(noise)(measure(drawn(x0, degrade.T), precision), degrade.T)
        assert restored.dtype == torch.float32
        assert (metrics.rmse(restored, x0), metrics.ssim(restored, x0)) == pytest.approx((rmse, ssim), abs=tolerance)


@pytest.fixture(scope="module")
def mnist_validation():
    """MNIST's validation split, put together offline: its 5,000 digits are the 4,000 and the 1,000 of mnist5k."""
    parts = [data.load("mnist5k", split, size=28) for split in ("train", "test")]
    pixels, labels = pixels_of.in_order(torch.cat([part.pixels for part in parts]), torch.cat([part.labels for part in parts]))
    pixels = pixels_of.resize(pixels, 32)
    return data.Images(pixels, labels, "mnist", "validation", pixels_of.sha256(pixels))


@pytest.mark.parametrize(("task", "precision", "method"), [("deblur", "float32", "direct"), ("deblur", "8bit", "direct"), ("inpaint", "float32", "direct"),
                                                              ("superres", "float32", "direct"), ("superres", "8bit", "algorithm2")])
def test_shipped_weights_give_their_recorded_scores_again(task, precision, method, mnist_validation):
    network, degrade, metadata = load_pretrained(task, "mnist", precision)
    cells = json.loads((HOME / "results" / pretrained_file(task, "mnist", precision).stem / "metrics.json").read_text())["cells"]
    recorded, = [cell for cell in cells if (cell["method"], cell["measurement_precision"], cell["variant"], cell["n"]) ==
                 (method, precision, f"T = {degrade.T}", 1_000)]
    assert recorded["provenance"]["weights"] == metadata["checksum"] and recorded["split"] == "validation"
    again, = evaluate((network, degrade, metadata), mnist_validation, methods=(method,), measurement_precision=precision, n=1_000, log=lambda line: None)["cells"]
    assert again["provenance"]["images"] == recorded["provenance"]["images"]
    assert (again["rmse"], again["ssim"]) == pytest.approx((recorded["rmse"], recorded["ssim"]), abs=5e-4)


@pytest.mark.skipif(not FULL, reason="set COLDDIFF_DATA to a folder with the full MNIST and CIFAR-10")
@pytest.mark.parametrize("folder", shipped_models())
def test_shipped_weights_give_their_rows_of_the_full_test_split_again(folder):
    """Direct reconstruction, from every measurement and severity that was recorded."""
    task, dataset, *made_for = folder.split("-")
    network, degrade, metadata = load_pretrained(task, dataset, *made_for)
    recorded = [cell for cell in json.loads((HOME / "results" / folder / "metrics.json").read_text())["cells"]
                if (cell["method"], cell["split"], cell["n"]) == ("direct", "test", 10_000)]
    assert recorded and {cell["provenance"]["weights"] for cell in recorded} <= {metadata["checksum"], metadata.get("before_refit")}
    test = data.load(dataset, "test", FULL)
    for cell in recorded:
        lower = make(task, dataset, T=cell["provenance"]["degradation"]["T"])
        again, = evaluate((network, lower, {}), test, methods=("direct",), measurement_precision=cell["measurement_precision"], log=lambda line: None)["cells"]
        assert again["provenance"]["images"] == cell["provenance"]["images"]
        assert (again["rmse"], again["ssim"]) == pytest.approx((cell["rmse"], cell["ssim"]), abs=5e-4)


def small(n=200, size=8, channels=1):
    generator = torch.Generator().manual_seed(0)
    return data.Images(torch.randint(0, 256, (n, channels, size, size), generator=generator).to(torch.uint8), torch.zeros(n), "noise", "train", "")


@pytest.mark.parametrize("pooling", ["area", "bicubic"])
def test_the_estimator_is_the_formula(pooling):
    images, degrade, noise = small(), make("superres", size=8, T=2, pooling=pooling), 0.01
    x = data.to_float(images.pixels).double().flatten(1)
    A = torch.kron(degrade.matrices[2].double(), degrade.matrices[2].double())
    C, mean = torch.cov(x.mT, correction=0), x.mean(0)
    x_T = degrade(data.to_float(images.pixels[:5]), 2)
    gain = C @ A.mT @ torch.linalg.inv(A @ C @ A.mT + noise * torch.eye(64, dtype=torch.float64))
    expected = mean + (x_T.double().flatten(1) - A @ mean) @ gain.mT
    found = baselines.estimator(degrade, statistics(images), noise)(x_T, torch.full((5,), 2))
    assert torch.allclose(found.flatten(1), expected.float(), atol=1e-5)


def test_the_noise_is_chosen_on_validation_images_and_refusals_are_one_line():
    images, degrade = small(), make("deblur", "photos", size=8, T=3)
    known = statistics(images)
    exact, record = baselines.fit(degrade, known, images)
    rounded, coarse = baselines.fit(degrade, known, images, "8bit")
    assert rounded.noise > 1e3 * exact.noise and coarse["validation_rmse"] >= record["validation_rmse"]
    with pytest.raises(ValueError, match="made for t = 3 alone"):
        exact(torch.zeros(1, 1, 8, 8), 2)
    masked, record = baselines.fit(make("inpaint", size=8, T=5), known, images)
    assert record["measured_noise"] < 1e-15 and masked.noise >= 0.01 * record["measured_noise"], "both draws of D are the same"
    with pytest.raises(ValueError, match="snow has no linear estimator"):
        baselines.estimator(make("snow", size=8), known, 1.0)


@pytest.mark.parametrize(("center", "channels"), [(None, 1), (None, 3), ((3, 4), 1)])
def test_the_estimator_of_masks_is_least_squares_over_every_mask(center, channels):
    """No linear map fits all pairs of an image and a mask better: the ridge regression over all of them."""
    images, degrade, noise = small(40, channels=channels), make("inpaint", size=8, T=5, center=center), 0.01
    x0 = data.to_float(images.pixels)
    centers = torch.cartesian_prod(torch.arange(-1, 8), torch.arange(-1, 8)) if center is None else torch.tensor([center])
    x_T = torch.cat([x0 * degrade.gains_at(torch.full((40,), 5), middle.expand(40, 2)) for middle in centers]).double().flatten(1)
    x = x0.double().flatten(1).repeat(len(centers), 1)
    from_mean = x_T - x_T.mean(0)
    gain = torch.linalg.solve(from_mean.mT @ from_mean / len(x) + noise * torch.eye(x.shape[1], dtype=torch.float64), from_mean.mT @ (x - x.mean(0)) / len(x))
    drawn = degrade.draw(5, torch.Generator().manual_seed(1))(x0[:5], 5)
    expected = x.mean(0) + (drawn.double().flatten(1) - x_T.mean(0)) @ gain
    found = baselines.estimator(degrade, statistics(images), noise)(drawn, 5)
    assert torch.allclose(found.flatten(1), expected.float(), atol=1e-5)


def test_generated_digits_are_of_the_shipped_weights():
    _, metadata = load_weights(SHIPPED / "superres-mnist.safetensors")
    rows = json.loads((HOME / "results" / "generation.json").read_text())["rows"]
    assert {row["weights"] for row in rows} <= {metadata["checksum"], metadata.get("before_refit")}


def test_the_shipped_classifier_reads_unseen_digits():
    classifier = shipped_classifier("mnist")
    test = data.load("mnist5k", "test")
    x0 = data.to_float(test.pixels)
    assert (classifier(x0).argmax(1) == test.labels).float().mean() > 0.985
    assert classifier.features(x0[:3]).shape == (3, 64)
    record = json.loads((HOME / "results" / "classifier-mnist" / "record.json").read_text())
    assert record["accuracy"] > 0.99 and record["features"] <= 128 and record["name"] == classifier.name


def test_the_shipped_classifier_of_colour_images_says_how_well_it_reads():
    folder = HOME / "results" / "classifier-cifar10"
    record, classifier = json.loads((folder / "record.json").read_text()), shipped_classifier("cifar10")
    _, metadata = load_weights(SHIPPED / "classifier-cifar10.safetensors")
    assert all(metadata[name] == record[name] for name in ("trained_on", "epochs", "widths", "depth", "features", "name"))
    assert classifier.features(torch.zeros(3, 3, 32, 32)).shape == (3, record["features"]) and record["features"] <= 128
    assert record["accuracy"] > 0.9 and record["name"] == classifier.name and record["trained_on"]["split"] == "train"
