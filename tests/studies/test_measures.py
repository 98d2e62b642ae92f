"""What the studies measure, on a few images."""
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from colddiff_nb import data, metrics
from colddiff_nb.degradations import make, measure
from colddiff_nb.sampling import algorithm2
from colddiff_nb.storage.checkpoint import export_weights, load_weights
from colddiff_nb.training import recipe
from colddiff_nb.weights import load_model, load_pretrained
from colddiff_nb.weights.pretrained import weights_file
from studies import course_report, curves, fid, growth, mean_weights, models, samplers
from studies.published import Published

HOME = Path(__file__).resolve().parents[2]


def test_the_fid_of_blurred_digits_by_each_rounding_precision_and_resize(tmp_path, monkeypatch):
    class FakeInception:
        def __init__(self, resize="half-pixel bilinear", dtype=torch.float32, rounded=False):
            self.dtype, self.rounded = dtype, rounded

        def __call__(self, x):
            x = (x * 8).round() / 8 if self.rounded else x
            return torch.nn.functional.avg_pool2d(x.to(self.dtype), 8).flatten(1).double()

    case = {"pair": "deblur-mnist5k", "variant": "T = 20", "method": "degraded"}
    monkeypatch.setattr(fid, "Inception", FakeInception)
    fid.network.cache_clear()
    study = fid.Fid(n=100)
    rows = [case | {"inception": inception} | row for inception in fid.INCEPTIONS for row in study.measure(**case, inception=inception)]
    fid.network.cache_clear()
    found = {row["inception"].removeprefix("inception-2015, "): row["fid"] for row in rows}
    rounded, exact, slow = (found[f"half-pixel bilinear{kind}"] for kind in (", bfloat16", ", unrounded, bfloat16", ""))
    assert exact > 0.1 and rounded != exact and slow != rounded == found["TensorFlow 1 bilinear, bfloat16"], "the stub resizes nothing"
    shutil.copy(HOME / "results" / "paper.json", tmp_path)
    (tmp_path / "fid.json").write_text(json.dumps({"n": 100, "rows": [row | fid.CONTROL for row in rows]}))
    published = Published(tmp_path)
    assert f"| Deblurring, CIFAR-10, T = 50 | degraded | {exact:.2f} | {rounded - exact:+.2f} | – |" in fid.fid_rounding(published)


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


@pytest.mark.parametrize("task, T, asked", [("deblur", 20, [20, 10]), ("superres", 3, [3, 2])])
def test_two_calls_ask_at_T_and_at_half_of_it(task, T, asked):
    drawn, x_T, seen = make(task, "mnist", T=T).draw(2), torch.rand(2, 1, 32, 32), []

    def restore(x_s, s, start):
        seen.append(s[0].item())
        return x_s
    assert torch.equal(models.two_calls(restore, drawn, x_T), algorithm2(restore, drawn, x_T, asked)) and seen == 2 * asked


def test_the_mean_of_two_weights_lies_between_them_and_can_be_loaded(tmp_path, monkeypatch):
    before, after = weights_file("superres-mnist"), tmp_path / "after.safetensors"
    weights, metadata = load_weights(before)
    moved = {name: tensor if name.startswith("precondition.") else tensor + 1 for name, tensor in weights.items()}
    export_weights(after, moved, metadata | {"images_seen": 7, "init": {"checksum": metadata["checksum"]}}, keep=("precondition.",))
    scored = []

    def score(self, path, images, methods, **options):
        scored.append((path, list(methods)))
        return [{"provenance": {"weights": load_weights(path)[1]["checksum"]}, "fid": 1.0, "frechet": 2.0, "rmse": 0.1, "ssim": 0.9}]
    monkeypatch.setattr(mean_weights.MeanWeights, "score", score)
    monkeypatch.setattr(mean_weights, "load", lambda *arguments: None)
    study = mean_weights.MeanWeights(before=before, after=after, shares=(0.0, 0.25, 1.0), results=tmp_path, runs=tmp_path)
    study.run()
    record, later = json.loads(study.path().read_text()), load_weights(after)[1]["checksum"]
    (earlier, _), (quarter, methods), (last, _) = scored
    assert [record["before"], record["after"], earlier, last, methods] == [metadata["checksum"], later, before, after, ["two-calls"]]
    found, said = load_weights(quarter)
    for name, tensor in found.items():
        assert torch.equal(tensor, weights[name]) if name.startswith("precondition.") else torch.allclose(tensor, weights[name] + 0.25, atol=2e-3)
    assert [row["weights"] for row in record["rows"]] == [metadata["checksum"], said["checksum"], later] and said["checksum"] not in (metadata["checksum"], later)
    load_model(quarter)
    with pytest.raises(ValueError, match="superres-mnist.safetensors did not go on from .*after.safetensors: give"):
        mean_weights.write_mean(tmp_path / "none", after, before, 0.5)
    assert not (tmp_path / "none").exists()
    assert said["images_seen"] == 7 and said["mean"] == {"share": 0.25, "before": metadata["checksum"]}


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


def test_a_power_law_is_found_and_resumes_are_left_out():
    scored = ((1, 0.1), (2, 0.3), (3, 0.4), (2, 0.2), (3, 0.3), (4, 0.35), (5, 0.5), (5, 0.5), (6, 0.45), (7, 0.6))
    kept = course_report.without_resumes([{"step": step, "ssim": ssim} for step, ssim in scored])
    assert [row["step"] for row in kept] == [1, 2, 3, 5, 6, 7], "4 still lacks what a resume set back; the one at 5 set nothing back"
    trend = {fit["window"]: fit["interval"] for fit in Published(HOME / "results").read("report/trend.json")["fits"] if (fit["run"], fit["metric"]) == ("mnist", "RMSE")}
    assert min(low for low, _ in trend.values()) > 0.154, "the page says that no window reaches the paper"
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
    digits = {split: data.load("mnist5k", "train" if split == "train" else "test") for split in ("train", "validation")}
    monkeypatch.setattr(curves, "load", lambda name, split, root: replace(digits[split], name=name, split=split))
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
