"""What is published: the pages of results/ are a fresh build of the files beside it, and rows of the linear estimator can be had again."""
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from colddiff_nb import data, metrics
from colddiff_nb.data import pixels as pixels_of
from colddiff_nb.degradations import make, measure
from colddiff_nb.evaluation import evaluate
from colddiff_nb.metrics import lmmse
from colddiff_nb.metrics.classifier import load_classifier
from colddiff_nb.sampling import algorithm2
from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.training import recipe
from colddiff_nb.weights import load_pretrained
from colddiff_nb.weights.pretrained import pretrained_folder
from studies import course_report, curves, fid, goals, growth, models, overview, paper, report, samplers
from studies.published import Published
from studies.tables import number

HOME = Path(__file__).resolve().parents[2]
FULL = os.environ.get("COLDDIFF_DATA", "")
MODELS = sorted(path.parent.name for path in (HOME / "results").glob("*/weights.safetensors") if "classifier" not in path.parent.name)

# RMSE and SSIM on the 1,000 test digits of mnist5k: mean and covariance of its 4,000 training digits, and the noise variance given.
# What float32 keeps of a blurred image depends on the last bits of the processor's sums: a wide tolerance there.
LINEAR = {("superres", None): {("float32", 1e-4): (0.1723, 0.4348, 1e-3)},
          ("inpaint", None): {("8bit", 5e-6): (0.1359, 0.6125, 1e-3)},
          ("deblur", 20): {("8bit", 5e-6): (0.2006, 0.2859, 1e-3), ("float32", 4e-14): (0.1831, 0.3669, 1e-2)}}


@pytest.mark.parametrize(("task", "T"), list(LINEAR))
def test_rows_of_the_linear_estimator(task, T):
    degrade, test = make(task, "mnist5k", T=T), data.load("mnist5k", "test")
    x0 = data.to_float(test.pixels)
    estimator = lmmse.LMMSE(degrade, lmmse.statistics(data.load("mnist5k", "train")), 0.0)
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
    cells = json.loads((pretrained_folder(task, "mnist", precision) / "metrics.json").read_text())["cells"]
    recorded, = [cell for cell in cells if (cell["method"], cell["measurement_precision"], cell["variant"], cell["n"]) ==
                 (method, precision, f"T = {degrade.T}", 1_000)]
    assert recorded["provenance"]["weights"] == metadata["checksum"] and recorded["split"] == "validation"
    again, = evaluate(network, degrade, mnist_validation, methods=(method,), measurement_precision=precision, n=1_000, log=lambda line: None)["cells"]
    assert again["provenance"]["images"] == recorded["provenance"]["images"]
    assert (again["rmse"], again["ssim"]) == pytest.approx((recorded["rmse"], recorded["ssim"]), abs=5e-4)


@pytest.mark.skipif(not FULL, reason="set COLDDIFF_DATA to a folder with the full MNIST and CIFAR-10")
@pytest.mark.parametrize("folder", MODELS)
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
        again, = evaluate(network, lower, test, methods=("direct",), measurement_precision=cell["measurement_precision"], log=lambda line: None)["cells"]
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
    found = lmmse.LMMSE(degrade, lmmse.statistics(images), noise)(x_T, torch.full((5,), 2))
    assert torch.allclose(found.flatten(1), expected.float(), atol=1e-5)


def test_the_noise_is_chosen_on_validation_images_and_refusals_are_one_line():
    images, degrade = small(), make("deblur", "photos", size=8, T=3)
    statistics = lmmse.statistics(images)
    exact, record = lmmse.fit(degrade, statistics, images)
    rounded, coarse = lmmse.fit(degrade, statistics, images, "8bit", start=exact)
    assert rounded.noise > 1e3 * exact.noise and coarse["validation_rmse"] >= record["validation_rmse"]
    with pytest.raises(ValueError, match="made for t = 3 alone"):
        exact(torch.zeros(1, 1, 8, 8), 2)
    masked, record = lmmse.fit(make("inpaint", size=8, T=5), statistics, images)
    assert record["measured_noise"] < 1e-15 and masked.noise >= 0.01 * record["measured_noise"], "both draws of D are the same"
    with pytest.raises(ValueError, match="snow has no linear estimator"):
        lmmse.LMMSE(make("snow", size=8), statistics, 1.0)


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
    found = lmmse.LMMSE(degrade, lmmse.statistics(images), noise)(drawn, 5)
    assert torch.allclose(found.flatten(1), expected.float(), atol=1e-5)


def test_the_pages_are_a_fresh_build():
    for page, text in report.build().items():
        assert (HOME / "results" / page).read_text() == text, f"{page}: build it: make results"


def test_generated_digits_are_of_the_shipped_weights():
    _, metadata = load_weights(HOME / "results" / "superres-mnist" / "weights.safetensors")
    rows = json.loads((HOME / "results" / "generation.json").read_text())["rows"]
    assert {row["weights"] for row in rows} <= {metadata["checksum"], metadata["before_refit"]}


def test_it_can_be_built_before_anything_is_scored(tmp_path):
    for name in ("paper.json", "report"):
        source = HOME / "results" / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path / name)
    pages = report.build(tmp_path)
    assert set(pages) == {"README.md", "details.md", "speed.md"} and not any("{{" in text for text in pages.values())
    assert "not run" in pages["README.md"]


def test_validation_rows_are_marked_and_give_way_to_test_rows(tmp_path):
    def cell(split, n, rmse):
        return {"task": "superres", "data": "mnist", "split": split, "variant": "T = 3", "method": "direct", "measurement_precision": "float32", "n": n,
                "rmse": rmse, "rmse_interval": [rmse - 0.001, rmse + 0.001], "ssim": 0.9, "ssim_interval": [0.8, 1.0], "fid": "not run: x",
                "gain": 2.0, "provenance": {"weights": "w"}}

    shutil.copy(HOME / "results" / "paper.json", tmp_path)
    folder = tmp_path / "superres-mnist"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps({"cells": [cell("validation", 1000, 0.111)]}))
    marked = paper.paper(Published(tmp_path))
    assert "| direct | RMSE | 0.114 | 0.1110 ± 0.0010 (validation, 1,000) | better | not run | – | – | validation, 1,000 |" in marked
    (folder / "metrics.json").write_text(json.dumps({"cells": [cell("validation", 1000, 0.111), cell("test", 10_000, 0.122)]}))
    table = paper.paper(Published(tmp_path))
    assert "| Super-resolution, MNIST, T = 3 | float32 | RMSE | 0.110 | 0.1220 | worse | – |" in goals.goals(Published(tmp_path))
    (folder / "curve.csv").write_text("images,loss,rmse_direct\n64,0.5,0.4\n128,0.5,0.3\n256,0.4,0.27\n")
    assert "| 0.1220 | worse | -10.0 % |" in goals.goals(Published(tmp_path)), "by the last stage"
    (tmp_path / "curves").mkdir()
    rows = [{"images": 100, "rmse_direct": 0.2}, {"images": 200, "rmse_direct": 0.19}]
    (tmp_path / "curves" / "superres-mnist.json").write_text(json.dumps({"rows": rows}))
    assert "| 0.1220 | worse | -5.0 % |" in goals.goals(Published(tmp_path))
    assert "| direct | RMSE | 0.114 | 0.1220 ± 0.0010 | worse | not run | – | – | test, 10,000 |" in table and "validation" not in table
    assert "0.1110 ± 0.0010 | 0.9000 ± 0.1000 |" in overview.rows(Published(tmp_path)).split("Other images")[1]


def test_sampler_tables_compare_with_algorithm_2_and_take_the_model_made_for_8_bits(tmp_path):
    def cell(method, precision, rmse, **others):
        return {"variant": "T = 3", "method": method, "measurement_precision": precision, "split": "validation", "n": 50, "rmse": rmse, "ssim": 0.9 - rmse} | others

    for name, cells in {"deblur-mnist": [cell("direct", "float32", 0.11, frechet=9.0), cell("algorithm2", "float32", 0.10, frechet=10.0),
                                         cell("direct", "8bit", 0.3)],
                        "deblur-mnist-8bit": [cell("direct", "8bit", 0.15), cell("algorithm2", "8bit", 0.2)]}.items():
        (tmp_path / "samplers" / name).mkdir(parents=True)
        (tmp_path / "samplers" / name / "metrics.json").write_text(json.dumps({"cells": cells}))
    published = Published(tmp_path)
    text = samplers.sampler_tables(published)
    assert "### Deblurring, MNIST, T = 3" in text and "0.3000" not in text
    assert "| direct | 0.1100 (+10.0 %) | 0.7900 | **9.0** | **0.1500 (-25.0 %)** | **0.7500** | not run |" in text
    assert "| Algorithm 2 (the paper's) | **0.1000** | **0.8000** | 10.0 | 0.2000 | 0.7000 | not run |" in text
    assert samplers.sampler_images(published) == "50 validation images"
    near = samplers.sampler_goals(published)
    assert "| Deblurring, MNIST, T = 3 | float32 | Algorithm 2 (the paper's) | Algorithm 2 (the paper's) | direct |" in near
    assert "| Deblurring, MNIST, T = 3 | 8 bits | direct | direct | not run |" in near
    (tmp_path / "samplers" / "deblur-mnist" / "metrics.json").unlink()
    assert "| Deblurring, MNIST, T = 3 | float32 | not run | not run | not run |" in samplers.sampler_goals(Published(tmp_path))


def full_cell(method, frechet=9.0, fid="not run: x", **provenance):
    return {"task": "superres", "data": "mnist", "split": "test", "variant": "T = 3", "method": method, "measurement_precision": "float32", "n": 10_000,
            "rmse": 0.1, "ssim": 0.9, "fid": fid, "frechet": frechet, "class_accuracy": 0.5, "gain": 2.0, "provenance": provenance,
            "resize": "half-pixel bilinear"}


def publish(tmp_path, cells):
    shutil.copy(HOME / "results" / "paper.json", tmp_path)
    for folder, content in (("classifier-mnist/record.json", {"name": "shipped"}), ("superres-mnist/metrics.json", {"cells": cells})):
        (tmp_path / folder).parent.mkdir()
        (tmp_path / folder).write_text(json.dumps(content))


def test_scores_of_another_classifier_are_not_shown(tmp_path):
    publish(tmp_path, [full_cell(*one, classifier="shipped") for one in (("direct", 9.0), ("algorithm1", 8.0), ("algorithm2", 8.01))])
    best = paper.best(Published(tmp_path))
    assert "| Super-resolution, MNIST | Frechet | 9.0 | **8.0** | **8.0** | better | – |" in best
    (tmp_path / "classifier-mnist" / "record.json").write_text(json.dumps({"name": "another"}))
    assert Published(tmp_path).rows[0].number("frechet") is None and "9.0" not in overview.rows(Published(tmp_path))


def test_fid_says_its_precision_and_needs_only_the_papers_two_methods(tmp_path):
    exact, fast = "inception-2015, half-pixel bilinear", "inception-2015, half-pixel bilinear, bfloat16"
    publish(tmp_path, [full_cell("direct", fid=20.25, inception=fast), full_cell("direct", fid=20.5, inception=exact),
                       full_cell("algorithm2", fid=18.0, inception=fast)])
    published = Published(tmp_path)
    assert "| Super-resolution, MNIST, T = 3 | direct | test, 10,000 | 20.500 | 20.250 | -1.2 % |" in fid.fid_precision(published)
    line = "| Super-resolution, MNIST | FID | 20.25 | not run | **18.00** | better | worse |"
    assert line in paper.best(published), "both by the same Inception"
    tables = paper.paper(published)
    assert "half-pixel bilinear, rounded to 8 bits |" in tables and "half-pixel bilinear, rounded to 8 bits, bfloat16 |" in tables


def test_the_fid_of_blurred_digits_by_each_rounding_precision_and_resize(tmp_path, monkeypatch):
    class FakeInception:
        def __init__(self, resize="half-pixel bilinear", dtype=torch.float32, rounded=False):
            details = ["unrounded"] * (not rounded) + ["bfloat16"] * (dtype == torch.bfloat16)
            self.name, self.dtype, self.rounded = ", ".join(["inception-2015", resize, *details]), dtype, rounded

        def __call__(self, x):
            x = (x * 8).round() / 8 if self.rounded else x
            return torch.nn.functional.avg_pool2d(x.to(self.dtype), 8).flatten(1).double()

    case = {"pair": "deblur-mnist5k", "variant": "T = 20", "method": "degraded"}
    monkeypatch.setattr(fid, "Inception", FakeInception)
    fid.network.cache_clear()
    study = fid.Fid(n=100)
    rows = [row for inception in fid.INCEPTIONS for row in study.measure(**case, inception=inception)]
    fid.network.cache_clear()
    found = {row["inception"].removeprefix("inception-2015, "): row["fid"] for row in rows}
    rounded, exact, slow = (found[f"half-pixel bilinear{kind}"] for kind in (", bfloat16", ", unrounded, bfloat16", ""))
    assert exact > 0.1 and rounded != exact and slow != rounded == found["TensorFlow 1 bilinear, bfloat16"], "the stub resizes nothing"
    shutil.copy(HOME / "results" / "paper.json", tmp_path)
    (tmp_path / "fid.json").write_text(json.dumps({"n": 100, "rows": [row | fid.CONTROL for row in rows]}))
    published = Published(tmp_path)
    assert f"| Deblurring, CIFAR-10, T = 50 | degraded | {exact:.2f} | {rounded - exact:+.2f} | – |" in fid.fid_rounding(published)
    assert f"| half-pixel bilinear | bfloat16 | {rounded:.2f} | {100 * (rounded / slow - 1):+.1f} % |" in fid.fid_control(published)


def test_degraded_images_from_8_bits_have_the_fid_of_rounded_ones(tmp_path):
    exact, rounded = "inception-2015, half-pixel bilinear, unrounded", "inception-2015, half-pixel bilinear"
    eight = full_cell("degraded") | {"measurement_precision": "8bit"}
    fids = [full_cell("degraded", fid=371.0, inception=f"{rounded}, bfloat16"), full_cell("degraded", fid=370.0, inception=exact),
            full_cell("degraded", fid=320.0, inception=rounded) | {"fid_interval": [319.0, 321.0]}]
    publish(tmp_path, [eight, *fids])
    found = Published(tmp_path).best("superres-mnist", "degraded", "8bit", metric="fid")
    assert found.cell["fid_interval"] == [319.0, 321.0] and number(found, "fid", 2, True) == "320.00 ± 1.00"
    (tmp_path / "superres-mnist/metrics.json").write_text(json.dumps({"cells": [eight | {"n": 100}, *fids]}))
    assert Published(tmp_path).best("superres-mnist", "degraded", "8bit", metric="fid") is None, "of other images"
    (tmp_path / "superres-mnist/metrics.json").write_text(json.dumps({"cells": [eight | {"fid": 7.0}, *fids]}))
    assert Published(tmp_path).best("superres-mnist", "degraded", "8bit", metric="fid").cell["fid"] == 7.0


def test_images_as_they_are_are_nearer_to_the_papers_fid_than_rounded_ones(tmp_path):
    exact, rounded = "inception-2015, half-pixel bilinear, unrounded", "inception-2015, half-pixel bilinear"
    publish(tmp_path, [full_cell("degraded", fid=370.0, inception=exact), full_cell("degraded", fid=320.0, inception=rounded)])
    gaps = fid.fid_protocol_gaps(Published(tmp_path))
    assert "| Super-resolution, MNIST, T = 3 | 368.56 | 370.00 | +0.4 % | 320.00 | -13.2 % |" in gaps
    assert "| degraded | FID | 368.56 | 370.00 | – | not run | – | none needed | test, 10,000, half-pixel bilinear |" in paper.paper(
        Published(tmp_path))


def test_of_two_fids_in_bfloat16_a_per_cent_apart_neither_is_better(tmp_path):
    fast = "inception-2015, half-pixel bilinear, bfloat16"
    publish(tmp_path, [full_cell("direct", fid=4.22, inception=fast), full_cell("algorithm2", fid=4.2, inception=fast)])
    line = "| Super-resolution, MNIST | FID | **4.22** | not run | **4.20** | tie | worse |"
    assert line in paper.best(Published(tmp_path))
    assert "| direct | FID | 4.05 | 4.22 | worse |" in paper.paper(Published(tmp_path))


def test_an_fid_no_further_from_the_papers_than_that_of_degraded_images_is_a_tie(tmp_path):
    exact = "inception-2015, half-pixel bilinear, unrounded"
    publish(tmp_path, [full_cell("degraded", fid=387.0, inception=exact), full_cell("direct", fid=4.22, inception=exact)])
    table = paper.paper(Published(tmp_path))
    assert "| direct | FID | 4.05 | 4.22 | tie | not run | – |" in table and fid.fid_tie(Published(tmp_path)) == "6.0 %", "5 % off 368.56, and bfloat16's"
    assert "| Super-resolution, MNIST, T = 3 | 368.56 | 387.00 | +5.0 % | not run | – |" in fid.fid_protocol_gaps(Published(tmp_path))
    names = ("inception-2015, half-pixel bilinear, unrounded, bfloat16", "inception-2015, half-pixel bilinear, bfloat16")
    rows = [{"pair": "superres-mnist", "variant": "T = 3", "method": "direct", "inception": name, "fid": fid} for name, fid in zip(names, (30.0, 30.211))]
    (tmp_path / "fid.json").write_text(json.dumps({"n": 100, "rows": rows}))
    assert fid.fid_tie(Published(tmp_path)) == "11.0 %", "rounding changed it by 5 % of 4.22"
    assert "| Super-resolution, MNIST, T = 3 | direct | 30.00 | +0.21 | +5.0 % |" in fid.fid_rounding(Published(tmp_path))


def test_the_network_beside_least_squares_in_fid(tmp_path):
    linear = full_cell("lmmse", fid=146.0, inception="inception-2015, half-pixel bilinear, bfloat16")
    publish(tmp_path, [linear])
    assert overview.glance_fid(Published(tmp_path)) == "In FID, LMMSE / direct, from float32: not run."
    direct = full_cell("direct", fid=20.0, inception="inception-2015, half-pixel bilinear")
    (tmp_path / "superres-mnist/metrics.json").write_text(json.dumps({"cells": [linear, direct]}))
    assert overview.glance_fid(Published(tmp_path)) == "In FID, LMMSE / direct, from float32: Super-resolution, MNIST 146.00 / 20.00."
    eight = [linear | {"fid": 4.0}, linear | {"fid": 9.0, "measurement_precision": "8bit"}]
    (tmp_path / "superres-mnist/metrics.json").write_text(json.dumps({"cells": eight}))
    ahead = "Super-resolution, MNIST **only from float32** (from 8 bits 9.00; the paper 4.05)."
    assert overview.glance_fid(Published(tmp_path)).endswith(ahead)


def test_margins_of_fid_come_from_rows_in_both_precisions_and_from_intervals(tmp_path):
    fast = "inception-2015, half-pixel bilinear, bfloat16"
    both = [full_cell("direct", fid=20.0, inception=fast.removesuffix(", bfloat16")), full_cell("direct", fid=19.0, inception=fast)]
    both[1]["fid_interval"] = [18.43, 19.57]
    publish(tmp_path, both)
    published = Published(tmp_path)
    assert (fid.fid_bfloat16(published), fid.fid_intervals(published)) == ("5.0 %", "3.0 to 3.0 % of it")
    assert fid.fid_tie(published) == "8.0 %"


def test_the_stage_before_the_last_stands_beside_the_same_images_and_the_same_fid(tmp_path):
    rounded, exact = "inception-2015, half-pixel bilinear", "inception-2015, half-pixel bilinear, unrounded"
    publish(tmp_path, [full_cell("direct", fid=20.0, inception=rounded), full_cell("direct", fid=21.0, inception=exact)])
    (tmp_path / "earlier").mkdir()
    before = [full_cell("direct", fid=30.0, inception=rounded) | {"rmse": 0.2}, full_cell("direct") | {"rmse": 0.3, "n": 1_000}]
    (tmp_path / "earlier/superres-mnist.json").write_text(json.dumps({"stages": [], "cells": before}))
    shutil.copy(HOME / "results/superres-mnist/weights.safetensors", tmp_path / "superres-mnist")
    table = models.last_stage(Published(tmp_path))
    assert "| Super-resolution, MNIST, T = 3 | float32 | direct | 0.2000 → 0.1000 | 0.9000 → 0.9000 | 30.00 → 20.00 |" in table
    assert "| Super-resolution, MNIST, T = 3 | float32 | direct | – | – | – |" in table


def test_algorithm_1_by_another_precision_stands_beside_the_others(tmp_path):
    exact, fast = "inception-2015, half-pixel bilinear", "inception-2015, half-pixel bilinear, bfloat16"
    for naive, shown in ((9.93, "**9.93** | **10.00**"), (9.8, "**9.80** | 10.00"), (10.05, "**10.05** | **10.00**"), (10.2, "10.20 | **10.00**")):
        shutil.rmtree(tmp_path, ignore_errors=True)
        tmp_path.mkdir()
        publish(tmp_path, [full_cell("direct", fid=12.0, inception=exact), full_cell("algorithm2", fid=10.0, inception=exact),
                           full_cell("algorithm1", fid=naive, inception=fast)])
        line = f"| Super-resolution, MNIST | FID | 12.00 | {shown} | better | worse |"
        assert line in paper.best(Published(tmp_path)), "within 1 %, which bfloat16 may change, they tie"


def test_verdicts_know_ties_and_stand_beside_both_precisions(tmp_path):
    def scored(method, rmse, precision="float32"):  # the paper has 0.114 and 0.115
        return full_cell(method) | {"rmse": rmse, "rmse_interval": [rmse - 0.001, rmse + 0.001], "measurement_precision": precision}

    publish(tmp_path, [scored("direct", 0.111), scored("direct", 0.1135, "8bit"), scored("algorithm2", 0.1185)])
    table = paper.paper(Published(tmp_path))
    assert "| direct | RMSE | 0.114 | 0.1110 ± 0.0010 | better | 0.1135 ± 0.0010 | tie |" in table
    assert "| Algorithm 2 | RMSE | 0.115 | 0.1185 ± 0.0010 | worse | not run | – |" in table
    summary = paper.summary(Published(tmp_path))
    assert "| – | **0.111**, 0.114 / 0.114 | 0.118, not run / 0.115 |" in summary
    few = scored("direct", 0.111) | {"n": 300}
    (tmp_path / "superres-mnist/metrics.json").write_text(json.dumps({"cells": [few]}))
    assert "| **0.111 (test, 300)**, not run / 0.114 |" in paper.summary(Published(tmp_path))


@pytest.mark.parametrize("precision", ["float32", "8bit"])
def test_every_measured_sampler_restores(precision):
    """All of the table, on four digits; those with fewer calls only where there are more severities than calls."""
    for task, few in (("superres", False), ("inpaint", True)):
        restore, degrade, _ = load_pretrained(task, "mnist")
        x0 = data.to_float(data.load("mnist5k", "test").pixels[:4])
        drawn = degrade.draw(4, torch.Generator().manual_seed(0))
        x_T = measure(drawn(x0, degrade.T), precision)
        found = samplers.chosen_samplers(degrade, precision)
        assert ("fewer" in found) == few and set(found) | {"fewer", "mirrored"} == set(samplers.SAMPLERS)
        assert "mirrored" not in found, "digits are not alike left and right"
        errors = {name: metrics.rmse(sampler(restore, drawn, x_T), x0) for name, sampler in found.items()}
        assert max(errors.values()) < metrics.rmse(x_T, x0)
        if task == "superres" and precision == "float32":
            assert errors["projected direct"] <= errors["direct"] and errors["projected"] == pytest.approx(errors["algorithm2"], abs=1e-3)
    assert samplers.fewer(50) == [50, 19, 7, 3, 1] and samplers.fewer(3) == [3, 2, 1]


def test_where_the_error_comes_from_is_asked_after_one_step_and_after_all(tmp_path):
    x0 = data.to_float(data.load("mnist5k", "test").pixels[:4])
    drawn = make("inpaint", "mnist").draw(4, torch.Generator().manual_seed(0))

    def way(restore):
        return growth.half_way(restore, drawn, algorithm2(restore, drawn, drawn(x0, drawn.T), trajectory=True), x0)
    same = way(lambda x_s, s, start: torch.zeros_like(x0))
    assert same["moved"] == 0 and same["one_step_algorithm1"] == same["one_step_algorithm2"] == pytest.approx(metrics.rmse(torch.zeros_like(x0), x0))
    x_T = drawn(x0, 50)
    seen = way(lambda x_s, s, start: x_s)
    assert seen["one_step_algorithm2"] == pytest.approx(metrics.rmse(x_T - drawn(x_T, 50) + drawn(x_T, 25), x0), rel=1e-5)
    assert seen["one_step_algorithm1"] == pytest.approx(metrics.rmse(drawn(x_T, 25), x0), rel=1e-5)
    darker = way(lambda x_s, s, start: (s / 50 - 1).view(-1, 1, 1, 1).expand_as(x0))  # 0 at s = 50, -0.5 at s = 25
    assert darker["severity"] == 25 and darker["moved"] == pytest.approx(0.25)  # on [0, 1]
    assert darker["one_step_algorithm2"] == pytest.approx(metrics.rmse(torch.full_like(x0, -0.5), x0))
    rows = [{"model": model, "T": 50, "measurement_precision": "float32", "prediction_rmse": {"50": 0.05, "25": 0.06}, "result_rmse": result, "half_way": {
        "severity": 25, "moved": 0.03, "one_step_algorithm2": 0.051, "one_step_algorithm1": 0.052}}
        for model, result in (("inpaint-mnist", 0.056), ("inpaint-cifar10", 0.055))]
    (tmp_path / "growth.json").write_text(json.dumps({"split": "validation", "n": 4, "rows": rows}))
    table = growth.repeated_calls(Published(tmp_path))
    assert "0.0500 | 0.0600 | 0.0510 | 10% | 0.0520 | 0.0300 | 0.0583" in table and "CIFAR-10" not in table, "a tenth is not more than a tenth"


def test_tables_are_narrow_and_say_nothing_of_this_machine():
    text = (HOME / "results" / "README.md").read_text()
    assert max(line.count(" | ") for line in text.splitlines() if line.startswith("|")) <= 8
    assert not [word for word in ("/tmp", "/work", "/home", "http://", "nan", "None") if word in text]


def test_a_power_law_is_found_and_resumes_are_left_out():
    scored = ((1, 0.1), (2, 0.3), (3, 0.4), (2, 0.2), (3, 0.3), (4, 0.35), (5, 0.5), (5, 0.5), (6, 0.45), (7, 0.6))
    kept = course_report.without_resumes([{"step": step, "ssim": ssim} for step, ssim in scored])
    assert [row["step"] for row in kept] == [1, 2, 3, 5, 6, 7], "4 still lacks what a resume set back; the one at 5 set nothing back"
    fit = {"run": "mnist", "metric": "RMSE", "window": "all", "predicted": 0.2}
    for interval, verdict in (([0.1, 0.15], "reaches"), ([0.1, 0.2], "may reach"), ([0.16, 0.2], "does not reach")):
        published = SimpleNamespace(read=lambda name, interval=interval: {"fits": [fit | {"interval": interval}]}, paper=Published(HOME / "results").paper)
        assert f"which {verdict} the paper's 0.154" in course_report.bridged(published, "RMSE")
    steps, true, generator = np.arange(1, 21) * 1e4, 3 * 7e5 ** -0.4, np.random.default_rng(0)
    fits = [course_report.power_law(steps, 3 * steps ** -0.4 * np.exp(0.05 * generator.standard_normal(20)), 7e5) for _ in range(300)]
    assert np.mean([fit["predicted"] for fit in fits]) == pytest.approx(true, rel=0.01)
    covered = [fit["exponent_interval"][0] < 0.4 < fit["exponent_interval"][1] for fit in fits]
    assert 0.92 < np.mean(covered) < 0.98  # 95 % intervals
    unseen = true * np.exp(0.05 * generator.standard_normal(300))
    assert 0.92 < np.mean([fit["interval"][0] < value < fit["interval"][1] for fit, value in zip(fits, unseen)]) < 0.98


@pytest.mark.slow
def test_a_curve_is_scored_at_log_spaced_steps_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    choice = recipe("smoke", "superres", "mnist5k", steps=256)
    monkeypatch.setattr(curves.Curves, "recipe", lambda self: choice)
    monkeypatch.setattr(curves, "load", lambda name, split, root: data.load("mnist5k", "train" if split == "train" else "test"))
    study = curves.Curves(steps=256, n=20, results=tmp_path, runs=tmp_path / "runs")
    study.run()
    rows = json.loads(study.path().read_text())["rows"]
    assert [row["step"] for row in rows] == [2, 4, 8, 16, 32, 64, 128, 256] and rows[-1]["images"] == choice.images_seen
    assert rows[-1]["rmse_direct"] < 0.9 * rows[0]["rmse_direct"] and not any("fid" in name for name in rows[0])
    assert study.path().with_suffix(".png").is_file()
    study.path().write_text(json.dumps(json.loads(study.path().read_text()) | {"rows": rows[:3]}))
    study.run()
    assert json.loads(study.path().read_text())["rows"] == rows
    text = curves.curves(Published(tmp_path))
    assert "| images seen | RMSE, direct | RMSE, Algorithm 2 | SSIM, direct" in text and f"| 4,096 | {rows[-1]['rmse_direct']:.4f} |" in text
    assert [axes.get_title() for axes in curves.draw(rows).axes] == ["RMSE", "SSIM", "Frechet distance, small classifier"]


def test_the_shipped_classifier_reads_unseen_digits():
    classifier = load_classifier(HOME / "results" / "classifier-mnist" / "weights.safetensors")
    test = data.load("mnist5k", "test")
    x0 = data.to_float(test.pixels)
    assert (classifier(x0).argmax(1) == test.labels).float().mean() > 0.985
    assert classifier.features(x0[:3]).shape == (3, 64)
    record = json.loads((HOME / "results" / "classifier-mnist" / "record.json").read_text())
    assert record["accuracy"] > 0.99 and record["features"] <= 128 and record["name"] == classifier.name


def test_the_shipped_classifier_of_colour_images_says_how_well_it_reads():
    folder = HOME / "results" / "classifier-cifar10"
    record, classifier = json.loads((folder / "record.json").read_text()), load_classifier(folder / "weights.safetensors")
    _, metadata = load_weights(folder / "weights.safetensors")
    assert all(metadata[name] == record[name] for name in ("trained_on", "epochs", "widths", "depth", "features", "name"))
    assert classifier.features(torch.zeros(3, 3, 32, 32)).shape == (3, record["features"]) and record["features"] <= 128
    assert record["accuracy"] > 0.9 and record["name"] == classifier.name and record["trained_on"]["split"] == "train"
