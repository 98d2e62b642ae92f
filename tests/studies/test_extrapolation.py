"""A power law is extended, and misses are listed, on records whose answers are known."""
import json
import shutil

import pytest

from studies import extrapolation
from studies.published import BOTH, PAIRS, Published
from studies.study import RESULTS

IMAGES = [1_000 * 2 ** k for k in range(8)]


@pytest.fixture
def published(tmp_path):
    """RMSE = images^-0.5 but for a per cent; 1 - SSIM = images^-0.25 until half-way, then constant."""
    (tmp_path / "curves").mkdir()
    shutil.copy(RESULTS / "paper.json", tmp_path)
    rows = [{"images": images} | {f"rmse_{method}": images ** -0.5 * (1.01, 0.99)[k % 2] for method in BOTH}
            | {f"ssim_{method}": 1 - min(images, IMAGES[3]) ** -0.25 for method in BOTH} for k, images in enumerate(IMAGES)]
    for pair in PAIRS:
        (tmp_path / f"curves/{pair}.json").write_text(json.dumps({"rows": rows}))
    return Published(tmp_path)


def test_a_power_law_goes_on_and_a_curve_that_levels_off_does_not(published):
    for one in extrapolation.predictions(published):
        power = {"rmse": -0.5, "ssim": -0.25}[one["metric"]]
        assert one["predicted"] == pytest.approx(IMAGES[-1] ** power, rel=0.05)
        assert (one["predicted"] < 0.9 * one["measured"]) == (one["metric"] == "ssim")
    assert "12 lie so far off" in extrapolation.extrapolation_finding(published)


def test_images_until_a_score_follow_the_law_from_where_the_model_stands(published):
    row = {"pair": "deblur-mnist", "kind": "RMSE", "method": "direct", "rmse": 0.02}
    assert 10 < float(extrapolation.more(published, row, "rmse", 0.002).split()[0]) < 16  # a tenth: 100 times 128,000
    assert extrapolation.more(published, row, "rmse", 0.0002) == "over a billion"
    assert extrapolation.more(published, row | {"kind": "realism"}, "rmse", 0.01) == "no curve was recorded"


def test_only_what_both_models_miss_is_listed(published, monkeypatch):
    """FID of one pair is missed; the model made for realism reaches all else."""
    def best(self, pair, method, precision, variant, metric, kind):
        scores = {"realism": {"ssim": 1.0, "fid": 900.0 if pair == "superres-cifar10" else 1.0}, "RMSE": {"ssim": 0.1, "fid": 950.0}}
        return {"pair": pair, "kind": kind, "method": method, "images": "test, 10,000", metric: scores[kind][metric]}
    monkeypatch.setattr(Published, "best", best)
    guess, _, _, _, line = extrapolation.missed(published).splitlines()
    assert guess.startswith("The last column is a guess.") and "Super-resolution, CIFAR-10 | FID" in line and "152.76, Algorithm 2 | 900.00, direct | realism" in line
    monkeypatch.setattr(Published, "best", lambda self, pair, *others: best(self, "another", *others))
    assert extrapolation.missed(published) == "None."


def test_a_way_that_no_curve_was_recorded_of_gets_no_guess(published):
    row = {"pair": "superres-mnist", "kind": "RMSE", "method": "two-calls", "rmse": 0.2}
    assert extrapolation.more(published, row, "rmse", 0.1) == "no curve was recorded"
