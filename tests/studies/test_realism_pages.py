"""What the pages say of models made for realism, from hand-made measurements whose answers are known."""
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from colddiff_nb.training import recipe
from studies import further, models
from studies.published import Published

RESULTS = Path(__file__).resolve().parents[2] / "results"
MADE_FOR_RMSE = Published(RESULTS).models


def cell(method, precision, rmse, fid, **others):
    return {"task": "superres", "data": "mnist", "split": "test", "variant": "T = 3", "method": method, "measurement_precision": precision,
            "n": 10_000, "rmse": rmse, "ssim": 0.8, "fid": fid, "frechet": 3.04, "class_accuracy": 0.9, "gain": 2.0, "provenance": {}} | others


@pytest.fixture
def published(tmp_path):
    """Beside the paper's direct FID of 4.05; the curve is 16 * sqrt(10 million / images) in its later half."""
    shutil.copy(RESULTS / "paper.json", tmp_path)
    for folder, cells in {
        "superres-mnist": [cell("direct", "float32", 0.11, 20.0), cell("direct", "8bit", 0.12, 24.0), cell("algorithm2", "8bit", 0.13, 22.0)],
        "superres-mnist-realism": [cell("direct", "float32", 0.1151, "not run: it was not asked for"), cell("direct", "8bit", 0.1251, 8.1),
                                   cell("algorithm2", "8bit", 0.1261, 9.0)]}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "metrics.json").write_text(json.dumps({"cells": cells}))
    curve = [{"images": 1e7 / 2 ** k, "fid_direct": 16.0 * 2 ** (k / 2) if k < 3 else 500.0, "frechet_direct": 5.04, "rmse_direct": 0.12,
              "ssim_direct": 0.81, "sharpness_direct": 0.95} for k in reversed(range(6))]
    (tmp_path / "superres-mnist-realism/training.json").write_text(json.dumps({"n": 50, "device": "a GPU", "curve": curve}))
    return Published(tmp_path)


def test_both_models_stand_below_each_other_for_what_the_second_was_scored_on(published):
    lines = models.realism_table(published).splitlines()
    assert lines[0] == "| pair | from | method | made for | RMSE | SSIM | FID | Frechet | class accuracy |"
    assert lines[2:] == [
        "| Super-resolution, MNIST, T = 3 | float32 | direct | RMSE | 0.1100 | 0.8000 | 20.00 | 3.0 | 0.900 |",
        "| Super-resolution, MNIST, T = 3 | float32 | direct | realism | 0.1151 | 0.8000 | not run | 3.0 | 0.900 |",
        "| Super-resolution, MNIST, T = 3 | 8 bits | direct | RMSE | 0.1200 | 0.8000 | 24.00 | 3.0 | 0.900 |",
        "| Super-resolution, MNIST, T = 3 | 8 bits | direct | realism | 0.1251 | 0.8000 | 8.10 | 3.0 | 0.900 |",
        "| Super-resolution, MNIST, T = 3 | 8 bits | Algorithm 2 | RMSE | 0.1300 | 0.8000 | 22.00 | 3.0 | 0.900 |",
        "| Super-resolution, MNIST, T = 3 | 8 bits | Algorithm 2 | realism | 0.1261 | 0.8000 | 9.00 | 3.0 | 0.900 |"]


def test_the_finding_is_from_8_bits_where_fid_was_not_taken_as_the_paper_does(published):
    said = "   - Super-resolution, MNIST, T = 3, from 8 bits: FID 24.00 to 8.10 (paper 4.05), RMSE 0.1200 to 0.1251."
    assert said in models.realism_finding(published).splitlines()
    path = published.folder / "superres-mnist-realism/metrics.json"
    path.write_text(path.read_text().replace('"not run: it was not asked for"', "7.0"))
    said = "   - Super-resolution, MNIST, T = 3, from float32: FID 20.00 to 7.00 (paper 4.05), RMSE 0.1100 to 0.1151."
    assert said in models.realism_finding(Published(published.folder)).splitlines()


def test_the_curve_shows_every_scored_point(published):
    text = models.realism_curve(published)
    assert text.startswith("50 validation images, a GPU; direct.\n")
    assert text.splitlines()[-1] == "| Super-resolution, MNIST | 10,000,000 | 16.0 | 5.0 | 0.1200 | 0.810 | 0.95 |"
    assert text.count("| Super-resolution, MNIST |") == 6


def test_a_training_that_is_not_shipped_stands_beside_the_shipped_model(published):
    scores = {"rmse_direct": 0.12, "ssim_direct": 0.8, "fid_direct": 20.0}
    row = {"pair": "superres-mnist", "training": "L1", "images_seen": 2_000, "beside": "superres-mnist", "device": "cpu",
           "shipped": scores, "scores": {"rmse_direct": 0.13, "ssim_direct": 0.8}}
    (published.folder / "further.json").write_text(json.dumps({"n": 50, "rows": [row, row | {"device": "NVIDIA H100", "scores": scores}]}))
    lines = further.further(published).splitlines()
    assert lines[0] == "50 validation images; shipped / this one."
    assert lines[-2:] == [
        "| Super-resolution, MNIST | L1 | 2,000 | superres-mnist | a CPU core | 0.1200 / 0.1300 | 0.8000 / 0.8000 | 20.0 / not run |",
        "| Super-resolution, MNIST | L1 | 2,000 | superres-mnist | NVIDIA H100 | 0.1200 / 0.1200 | 0.8000 / 0.8000 | 20.0 / 20.0 |"]


@pytest.mark.parametrize("stages, said", [
    ([{"device": "cpu"}, {"device": "cpu"}], " of a CPU core"), ([{"device": "NVIDIA H100"}], " of an NVIDIA H100"),
    ([{"device": "cpu"}, {"device": "NVIDIA H100"}], ""), ([{}, {"device": "cpu"}], " of a CPU core"),
    ([{}, {"realism": 0.1}], "")])
def test_a_card_names_the_machine_if_all_stages_had_the_same(stages, said):
    usual = recipe("small", "superres", "mnist")
    model = {"stages": [{"recipe": replace(usual, realism=stage.get("realism", 0.0))} | stage for stage in stages]}
    assert models.machine(model) == said


def test_stages_are_joined_as_far_as_the_model_made_for_realism_went_on_from_them():
    stages = [*MADE_FOR_RMSE["inpaint-cifar10"]["stages"], *MADE_FOR_RMSE["superres-mnist"]["stages"][-1:]]
    whole = Published(RESULTS).model("inpaint-cifar10-realism", stages[:1])
    assert [stage["images_seen"] for stage in whole["stages"]] == [448_000, 1_496_576, 2_520_576] and whole["goes_on"]
    part = Published(RESULTS).model("inpaint-cifar10-realism", stages)
    assert [stage["images_seen"] for stage in part["stages"]] == [448_000, 1_496_576, 2_520_576] and not part["goes_on"]
    new = Published(RESULTS).model("superres-mnist-realism", stages)
    assert [stage["images_seen"] for stage in new["stages"]] == [1_474_560, 3_128_320, 9_944_064, 15_320_064] and not new["goes_on"]
