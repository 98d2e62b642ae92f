"""Evaluation: what it scores, what it refuses, how it goes on after a stop, and the tables built from it."""
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from colddiff_nb import degradations
from colddiff_nb.data import Images, to_float
from colddiff_nb.metrics import evaluation, records
from colddiff_nb.metrics.evaluation import Judges, degraded_rows, evaluate
from colddiff_nb.storage import files
from colddiff_nb.training import recipe

ROOT = Path(__file__).resolve().parents[2]

# RMSE and SSIM of D(x0, T) on the 1,000 test images of the offline sets, computed by `degraded_rows`.
DEGRADED = {
    ("mnist5k", "deblur", "T = 40"): (0.28456, 0.01286),
    ("mnist5k", "deblur", "T = 20"): (0.28275, 0.01427),
    ("mnist5k", "superres", "T = 3"): (0.22964, 0.17388),
    ("mnist5k", "superres", "T = 3, pooling bicubic"): (0.22971, 0.17852),
    ("mnist5k", "inpaint", "T = 50"): (0.26157, 0.50606),
    ("photos", "deblur", "T = 50"): (0.06540, 0.61767),
    ("photos", "superres", "T = 3"): (0.06877, 0.57239),
    ("photos", "superres", "T = 3, pooling bicubic"): (0.06879, 0.57361),
    ("photos", "inpaint", "T = 50"): (0.12536, 0.67046),
}
SCORES = ("rmse", "rmse_interval", "ssim", "ssim_interval", "gain", "fid")


def some_images(name="mnist5k", split="test", n=30, checksum="of the test images"):
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, 256, (n, 1, 8, 8), generator=generator).float()
    pixels = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear").round().to(torch.uint8)
    return Images(pixels, torch.arange(n) % 10, name, split, checksum)


@pytest.fixture
def images():
    return some_images()


@pytest.fixture
def degrade():
    return degradations.make("superres")


def identity(x_t, t, start):
    return x_t


def quiet(line):
    pass


def by_method(evaluated):
    return {cell["method"]: cell for cell in evaluated["cells"]}


@pytest.mark.parametrize("name", ["mnist5k", "photos"])
def test_degraded_rows_of_the_offline_sets(name):
    rows = degraded_rows(names=[name], log=quiet)
    found = {(row["data"], row["task"], row["variant"]): (row["RMSE"], row["SSIM"]) for row in rows.to_dict("records")}
    expected = {key: value for key, value in DEGRADED.items() if key[0] == name}
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, abs=5e-4), key
    assert set(rows["n"]) == {1000}


def test_a_perfect_restorer_scores_perfectly(images):
    """It knows the originals: batch by batch, and only where the draw of the masks is that of its own images."""
    degrade = degradations.make("inpaint", "mnist")
    x0, position = to_float(images.pixels), [0]

    def perfect(x_t, t, start):
        start = position[0]
        position[0] = (start + len(x_t)) % len(x0)
        return x0[start:start + len(x_t)]

    cells = by_method(evaluate((perfect, degrade, {}), images, methods=("degraded", "direct"), batch=8, log=quiet))
    assert cells["direct"]["rmse"] == 0 and cells["direct"]["gain"] is None
    assert cells["direct"]["ssim"] == pytest.approx(1, abs=1e-6)
    assert cells["degraded"]["rmse"] > 0.05 and cells["degraded"]["gain"] == 1


def test_methods_are_those_of_the_samplers(images, degrade):
    """With R = identity: direct changes nothing, and the samplers give what they give when called by hand."""
    from colddiff_nb import sampling

    cells = by_method(evaluate((identity, degrade, {}), images, batch=7, log=quiet))
    assert list(cells) == ["degraded", "direct", "algorithm1", "algorithm2"]
    assert cells["direct"]["rmse"] == cells["degraded"]["rmse"]
    x0 = to_float(images.pixels)
    from colddiff_nb import metrics
    for method, sampler in sampling.SAMPLERS.items():
        by_hand = sampler(identity, degrade, degrade(x0, 3)) if method == "direct" else sampler(
            identity, degrade.draw(len(x0)), degrade(x0, 3))
        assert cells[method]["rmse"] == pytest.approx(metrics.rmse(by_hand, x0), abs=1e-6)
        low, high = cells[method]["rmse_interval"]
        assert low < cells[method]["rmse"] < high


def test_the_batch_size_does_not_matter_and_the_seed_fixes_the_masks(images):
    degrade = degradations.make("inpaint", "mnist")

    def run(batch, seed):
        return evaluate((lambda x, t, start: x / 2, degrade, {}), images, methods=("direct", "algorithm2"), batch=batch, seed=seed, log=quiet)["cells"]

    assert [{key: cell[key] for key in SCORES} for cell in run(30, 0)] == [{key: cell[key] for key in SCORES} for cell in run(30, 0)]
    for whole, streamed, other in zip(run(30, 0), run(7, 0), run(30, 1), strict=True):
        for score in ("rmse", "ssim", "gain"):
            assert whole[score] == pytest.approx(streamed[score], abs=1e-6)
            assert abs(whole[score] - other[score]) > 1e-5


def test_eight_bits_destroy_what_float32_keeps(images):
    degrade = degradations.make("deblur", "photos", T=5)
    inverse = torch.linalg.inv(degrade.matrices[degrade.T].double())

    def deconvolve(x_t, t, start):
        return (inverse @ x_t.double() @ inverse.mT).float()

    exact, rounded = (evaluate((deconvolve, degrade, {}), images, methods=("degraded", "direct"), measurement_precision=precision, log=quiet)
                      for precision in ("float32", "8bit"))
    assert by_method(exact)["direct"]["rmse"] < 0.1 * by_method(exact)["degraded"]["rmse"]
    assert by_method(rounded)["direct"]["rmse"] > 2 * by_method(exact)["direct"]["rmse"]
    assert by_method(rounded)["degraded"]["rmse"] != by_method(exact)["degraded"]["rmse"]
    assert {cell["measurement_precision"] for cell in rounded["cells"]} == {"8bit"}


def test_a_subset_is_spread_over_the_split(degrade):
    """Images that grow brighter along the split: the mean of a spread subset is that of the whole."""
    seen = []
    pixels = torch.arange(100).view(100, 1, 1, 1).expand(100, 1, 32, 32).to(torch.uint8)
    ramp = Images(pixels, torch.zeros(100, dtype=torch.long), "mnist5k", "test", "ramp")
    cell = evaluate((lambda x, t, start: seen.append(x) or x, degrade, {}), ramp, methods=("direct",), n=10, log=quiet)["cells"][0]
    assert ((torch.cat(seen)[:, 0, 0, 0] + 1) * 127.5).round().tolist() == list(range(0, 100, 10))
    assert cell["n"] == cell["provenance"]["n"] == 10 and cell["provenance"]["images"]["n"] == 100
    for n in (1, 101):
        with pytest.raises(ValueError, match=f"n = {n} lies outside 2..100"):
            evaluate((identity, degrade, {}), ramp, n=n)


def test_it_goes_on_with_the_cell_where_it_was_stopped(images, degrade, tmp_path):
    asked = []

    def breaks_in_algorithm1(x_t, t, start):
        asked.append(int(t[0]))
        if len(asked) == 4:
            raise KeyboardInterrupt
        return x_t

    with pytest.raises(KeyboardInterrupt):
        evaluate((breaks_in_algorithm1, degrade, {"checksum": "abc"}), images, tmp_path, log=quiet)
    assert asked == [3, 3, 2, 1]  # direct, then the whole of algorithm1's first batch
    kept = json.loads((tmp_path / "metrics.json").read_text())["cells"]
    assert [cell["method"] for cell in kept] == ["degraded", "direct"]
    lines = []
    resumed = evaluate((breaks_in_algorithm1, degrade, {"checksum": "abc"}), images, tmp_path, log=lines.append)
    assert asked[4:] == [3, 2, 1, 3, 2, 1], "only algorithm1 and algorithm2 are left to do"
    assert resumed["cells"][:2] == kept
    assert len(lines) == 4 and "recorded" in lines[1] and "RMSE" in lines[2]
    whole = evaluate((identity, degrade, {"checksum": "abc"}), images, log=quiet)
    for one, other in zip(resumed["cells"], whole["cells"], strict=True):
        assert {key: one[key] for key in SCORES} == {key: other[key] for key in SCORES}
    assert json.loads((tmp_path / "metrics.json").read_text()) == resumed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.json", "metrics.lock"]


WRITERS = """
import sys
from multiprocessing import get_context
sys.path.insert(0, "tests/metrics")
from test_evaluation import identity, quiet, some_images
from colddiff_nb import degradations
from colddiff_nb.metrics.evaluation import Judges, evaluate

images, degrade = some_images(), degradations.make("inpaint")

def write(first):
    for n in range(first, 14, 3):
        evaluate((identity, degrade, {"checksum": "abc"}), images, sys.argv[1], methods=("degraded", "direct"), n=n, log=quiet)

writers = [get_context("fork").Process(target=write, args=(first,)) for first in (2, 3, 4)]
for writer in writers:
    writer.start()
for writer in writers:
    writer.join()
sys.exit(max(writer.exitcode for writer in writers))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_three_evaluations_into_one_folder_lose_no_cell(tmp_path):
    """In a process of its own, so that it forks without pytest's threads."""
    done = subprocess.run([sys.executable, "-c", WRITERS, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False,
                          env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    cells = json.loads((tmp_path / "metrics.json").read_text())["cells"]
    assert sorted((cell["n"], cell["method"]) for cell in cells) == [(n, method) for n in range(2, 14) for method in ("degraded", "direct")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.json", "metrics.lock"]


def test_what_killed_evaluations_left_does_not_stop_the_next_one(images, degrade, tmp_path):
    for name in ("metrics.lock", f"metrics.json.1234{files.TEMPORARY}"):
        (tmp_path / name).write_text("half")
        os.utime(tmp_path / name, (0, 0))
    evaluate((identity, degrade, {}), images, tmp_path, methods=("direct",), log=quiet)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.json", "metrics.lock"]


def test_only_the_same_provenance_is_not_computed_again(images, degrade, tmp_path):
    calls = []

    def restore(x_t, t, start):
        calls.append(len(x_t))
        return x_t

    def run(weights="abc", degrade=degrade, images=images, **options):
        calls.clear()
        model = restore, degrade, {"checksum": weights}
        evaluate(model, images, tmp_path, methods=("direct",), log=quiet, **options)
        return len(calls) > 0

    assert run()
    assert not run()
    assert run(weights="other weights")
    assert run(weights="abc")
    assert run(seed=1)
    assert run(n=20)
    assert run(measurement_precision="8bit")
    assert run(degrade=degradations.make("superres", pooling="bicubic"))
    assert run(images=some_images(checksum="other pixels"))
    assert run(weights=None) and run(weights=None), "without a checksum nobody knows that these are the same weights"
    places = [tuple(row) for row in records.table(tmp_path)[["variant", "measurement_precision", "n"]].values.tolist()]
    assert sorted(places) == [("T = 3", "8bit", 30), ("T = 3", "float32", 20), ("T = 3", "float32", 30),
                              ("T = 3, pooling bicubic", "float32", 30)], "a newer cell takes the place of the older"


def test_a_terminal_shows_how_many_images_are_scored_and_a_log_the_lines_alone(images, degrade, monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    evaluate((identity, degrade, {}), images, methods=("direct",))
    assert "\rsuperres mnist5k, direct from float32: |" in sys.stderr.getvalue() and "images/s" in sys.stderr.getvalue()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    evaluate((identity, degrade, {}), images, methods=("direct",))
    assert sys.stderr.getvalue() == "" and capsys.readouterr().out.count("superres mnist5k, direct from float32: RMSE") == 2


def test_samplers_of_ones_own_are_scored_by_their_names(images, degrade):
    methods = {"grey": lambda restore, degrade, x_T: torch.zeros_like(x_T)}
    cell, = evaluate((identity, degrade, {}), images, methods=methods, log=quiet)["cells"]
    assert cell["method"] == "grey" and cell["rmse"] > 0 and "grey" not in evaluation.METHODS


def test_a_damaged_record_is_named(images, degrade, tmp_path):
    (tmp_path / "metrics.json").write_text('{"cells": [')
    with pytest.raises(ValueError, match="metrics.json is damaged: remove it") as error:
        evaluate((identity, degrade, {}), images, tmp_path)
    assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError, match="score a model into this folder first"):
        records.table(tmp_path / "nothing")


@pytest.mark.parametrize(("trained", "scored", "allowed"), [
    (("mnist", "train"), ("mnist", "train"), False),
    (("mnist", "train"), ("mnist", "validation"), True),
    (("mnist", "train"), ("mnist", "test"), True),
    (("mnist", "train"), ("mnist5k", "test"), True),
    (("mnist", "train"), ("mnist5k", "train"), True),
    (("mnist", "validation"), ("mnist5k", "test"), False),
    (("mnist5k", "train"), ("mnist5k", "train"), False),
    (("mnist5k", "train"), ("mnist5k", "validation"), False),
    (("mnist5k", "train"), ("mnist5k", "test"), True),
    (("mnist5k", "train"), ("mnist", "validation"), False),
    (("mnist5k", "train"), ("mnist", "test"), True),
    (("cifar10", "train"), ("cifar10", "train"), False),
    (("cifar10", "train"), ("photos", "train"), True),
])
def test_training_images_are_refused(degrade, trained, scored, allowed):
    images = some_images(*scored, checksum="scored")
    source = {"name": trained[0], "split": trained[1], "n": 30, "checksum": "trained"}
    if allowed:
        assert evaluate((identity, degrade, {"data": source}), images, methods=("direct",), log=quiet)["cells"]
    else:
        with pytest.raises(ValueError, match=f"trained on {trained[0]} {trained[1]}") as error:
            evaluate((identity, degrade, {"data": source}), images)
        assert "\n" not in str(error.value)


def test_training_images_under_another_name_are_refused(degrade):
    images = some_images("folder:mine", "test", checksum="same pixels")
    with pytest.raises(ValueError, match="trained on"):
        evaluate((identity, degrade, {"data": {"name": "photos", "split": "train", "checksum": "same pixels"}}), images)


class Classifier:
    """Reads every image as class 3; its features are the means of the image's quarters."""

    name = "always-3"

    def __call__(self, images):
        return torch.eye(10)[torch.full((len(images),), 3)]

    def features(self, images):
        return torch.nn.functional.avg_pool2d(images, 16).flatten(1)


def test_the_interval_of_the_gain_is_that_of_the_ratio_over_resampled_images(degrade):
    from colddiff_nb import metrics

    images = some_images(n=200)
    cell, = evaluate((lambda x, t, start: x / 2, degrade, {}), images, methods=("direct",), log=quiet)["cells"]
    x0 = to_float(images.pixels)
    x_T = degrade(x0, 3)
    before, after = metrics.squared_errors(x_T, x0), metrics.squared_errors(x_T / 2, x0)
    drawn = torch.randint(200, (2_000, 200), generator=torch.Generator().manual_seed(1))
    ratios = (before[drawn].mean(1) / after[drawn].mean(1)).sqrt()
    low, high = cell["gain_interval"]
    assert low < cell["gain"] < high and high - low == pytest.approx((ratios.quantile(0.975) - ratios.quantile(0.025)).item(), rel=0.1)


def test_of_a_measurement_without_error_the_gain_is_0(degrade, tmp_path):
    black = Images(torch.zeros(5, 1, 32, 32, dtype=torch.uint8), torch.zeros(5), "black", "test", "")
    cell, = evaluate((lambda x, t, start: x / 2, degrade, {}), black, tmp_path, methods=("direct",), log=quiet)["cells"]
    assert cell["gain"] == 0 and "gain_interval" not in cell


def test_class_accuracy_and_frechet_with_a_classifier(images, degrade):
    from colddiff_nb import metrics

    cells = by_method(evaluate((lambda x, t, start: x / 2, degrade, {}), images, methods=("degraded", "direct"), batch=8,
                               judges=Judges(Classifier()), log=quiet))
    low, high = cells["direct"]["class_accuracy_interval"]
    assert cells["direct"]["class_accuracy"] == pytest.approx(0.1) and low < 0.1 < high
    x0 = to_float(images.pixels)
    features = Classifier().features
    assert cells["direct"]["frechet"] == pytest.approx(metrics.frechet_distance(features(x0), features(degrade(x0, 3) / 2)), rel=1e-4)
    low, high = cells["direct"]["frechet_interval"]
    assert low < cells["direct"]["frechet"] < high
    assert cells["degraded"]["frechet"] == pytest.approx(0, abs=1e-6), "pooling keeps the means of the quarters"
    assert cells["direct"]["provenance"]["classifier"] == "always-3"
    frame = records.table({"cells": list(cells.values())})
    assert frame["class_accuracy"].tolist() == pytest.approx([0.1, 0.1]) and "Frechet" in frame


class FakeInception(Classifier):
    name = "quarters, at 2 x 2, unrounded"

    def __init__(self):
        self.calls = 0

    def __call__(self, images):
        self.calls += 1
        return self.features(images)


def test_fid_caches_the_originals_and_is_kept(images, degrade, tmp_path):
    inception, run = FakeInception(), {"methods": ("direct",), "log": quiet}
    judges, model = Judges(inception=inception, cache=tmp_path / "cache"), (lambda x, t, start: x / 2, degrade, {"checksum": "abc"})
    cell = evaluate(model, images, tmp_path, judges=judges, **run)["cells"][0]
    assert inception.calls == 2 and cell["fid"] > 0.01
    other = evaluate(model, images, judges=judges, **run)["cells"][0]
    assert inception.calls == 3, "the features of the originals come from the cache"
    assert other["fid"] == cell["fid"]
    without = evaluate(model, images, tmp_path, **run)["cells"][0]
    assert without == cell, "a cell with FID is not replaced by one without"
    inception.name += ", bfloat16"
    for _ in range(2):
        evaluate(model, images, tmp_path, judges=judges, **run)
    assert records.table(tmp_path)["resize"].tolist() == ["at 2 x 2", "at 2 x 2, bfloat16"], "each Inception keeps its cell"
    evaluate((lambda x, t, start: x / 3, degrade, {"checksum": "def"}), images, tmp_path, **run)
    replaced = records.table(tmp_path)
    assert len(replaced) == 1 and "FID" not in replaced, "other weights replace both"


def test_one_line_errors(images, degrade):
    for options, message in (({"methods": ("sampled",)}, "unknown method 'sampled'"), ({"measurement_precision": "16bit"}, "unknown measurement_precision '16bit'")):
        with pytest.raises(ValueError, match=message) as error:
            evaluate((identity, degrade, {}), images, log=quiet, **options)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="direct gave values that are not finite"):
        evaluate((lambda x, t, start: x / 0 * 0, degrade, {}), images, methods=("direct",), log=quiet)


@pytest.mark.parametrize(
    "change, T, options, message",
    [
        (
            lambda pixels: pixels.expand(-1, 3, -1, -1),
            5,
            {},
            "mnist5k has 3 channels, and the network restores 1: choose another data set",
        ),
        (lambda pixels: pixels, 6, {}, "T = 6: the network was trained for severities 1..5"),
        (lambda pixels: pixels, 5, {"batch": 0}, "batch = 0: it must be at least 1"),
        (lambda pixels: pixels, 5, {"batch": -2}, "batch = -2: it must be at least 1"),
        (lambda pixels: pixels, 5, {"n": 0}, "n = 0 lies outside 2..30"),
    ],
)
def test_what_does_not_fit_the_network_is_refused_before_anything_is_recorded(
    images, tmp_path, change, T, options, message
):
    choice = recipe("smoke", "inpaint", "mnist5k", T=5)
    network = choice.build(choice.degradation())
    scored, degrade = (
        replace(images, pixels=change(images.pixels)),
        degradations.make("inpaint", "mnist5k", T=T),
    )
    with pytest.raises(ValueError, match=message):
        evaluate((network, degrade, {}), scored, tmp_path, log=quiet, **options)
    assert not list(tmp_path.iterdir())


def cell(method, rmse, ssim, fid, data="mnist", **others):
    return {"task": "superres", "data": data, "split": "test", "variant": "T = 3", "method": method, "measurement_precision": "float32",
            "n": 100, "rmse": rmse, "ssim": ssim, "fid": fid, "gain": 0.23 / rmse, **{"provenance": {}} | others}


HALF_PIXEL = {"inception": "inception-2015, half-pixel bilinear, unrounded"}


def test_the_table_marks_the_best_of_each_metric(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps({"cells": [
        cell("direct", 0.114, 0.823, 4.05, provenance=HALF_PIXEL), cell("algorithm2", 0.115, 0.820, 3.33, provenance=HALF_PIXEL)]}))
    frame = records.table(tmp_path, {"cells": [cell("direct", 0.05, 0.9, "not run: why", data="cifar10") | {"split": "validation"}]})
    assert list(frame.columns) == ["task", "data", "variant", "method", "measurement_precision", "RMSE", "SSIM", "FID", "resize", "gain", "n"]
    assert frame["RMSE"].tolist() == [0.114, 0.115, 0.05] and frame["data"].tolist() == ["mnist", "mnist", "cifar10 validation"]
    rows = [[field.strip() for field in line.split("|")[1:-1]] for line in records.markdown(frame).splitlines() if line.startswith("|")]
    assert rows[2] == ["superres", "mnist", "T = 3", "direct", "float32", "**0.1140**", "**0.8230**", "4.05", "half-pixel bilinear", "**2.02**", "100"]
    assert rows[3][5:8] == ["0.1150", "0.8200", "**3.33**"]
    assert rows[4][5:10] == ["0.0500", "0.9000", "", "", "4.60"], "a row alone has no best"
