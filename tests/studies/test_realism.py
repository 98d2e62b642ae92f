"""A training for so many seconds is scored at its points, and a study of choices runs each in a process of its own."""
import json
from dataclasses import replace

import torch

from colddiff_nb import data, make
from colddiff_nb.degradations import check_degradation
from colddiff_nb.metrics import rmse
from colddiff_nb.training import recipe
from studies import realism, realism_choices


class FakeInception:
    name = "fake"

    def __call__(self, x):
        return torch.nn.functional.avg_pool2d(x, 8).flatten(1)


def test_a_training_of_some_seconds_is_scored_at_its_points(tmp_path, monkeypatch):
    monkeypatch.setattr(realism, "inception", lambda precision: FakeInception())
    monkeypatch.setattr(realism, "shipped_classifier", lambda dataset, load=realism.shipped_classifier: load("mnist"))
    train, test = (data.load("mnist5k", split) for split in ("train", "test"))
    choice = recipe("smoke", "superres", "mnist5k")
    scores = realism.scorer(choice, test, tmp_path, n=30)
    found = realism.train_for(0.01, choice, tmp_path / "run", scores, (1, 32, 64), images=train, log=lambda line: None)
    assert [row["step"] for row in found["curve"]] == [1, 32, 64] and found["images_seen"] == 64 * 16
    assert found["curve"][-1]["rmse_direct"] < found["curve"][0]["rmse_direct"]
    assert {"fid_algorithm2", "frechet_direct", "ssim_direct", "sharpness_algorithm2"} <= set(found["curve"][0])
    assert (tmp_path / "run" / "weights.safetensors").is_file() and (tmp_path / "mnist5k, fake, 30").is_file()


def test_the_energy_score_is_least_for_draws_from_the_truth():
    generator = torch.Generator().manual_seed(0)
    x0, same, other = (torch.randint(0, 2, (400, 1, 8, 8), generator=generator)[..., :1, :1].expand(-1, 1, 8, 8).float()
                       for _ in range(3))  # black or white, one by one
    truth, mean = realism_choices.energy_score(same, other, x0), torch.full_like(x0, 0.5)
    assert truth < realism_choices.energy_score(mean, mean, x0) < realism_choices.energy_score(1 - x0, 1 - x0, x0)
    assert realism_choices.energy_score(x0, x0, x0) < 1e-3


def test_a_network_that_draws_is_trained_and_its_noise_matters(tmp_path, monkeypatch):
    images = data.load("mnist5k", "train")
    choice = recipe("smoke", "finer-pixels", "mnist5k", steps=20, evaluate_every=10)
    network = realism_choices.train_to_draw(choice, tmp_path, images=images, on_evaluate=lambda step, ema: {"rmse": 0.5})
    assert (tmp_path / "curve.csv").read_text().count("\n") == 3
    x_t, t = data.to_float(images.pixels[:2]), torch.tensor([7, 7])
    assert not torch.equal(network(x_t, t, t), network(x_t, t, t))


def test_finer_pixels_end_where_those_of_the_paper_do():
    x0 = data.to_float(data.load("mnist5k", "test").pixels[:2])
    finer = make("finer-pixels", "mnist")
    assert (finer(x0, 7) - make("superres", "mnist")(x0, 3)).abs().max() < 1e-6 and not check_degradation(finer)


def test_of_original_images_nothing_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(realism, "inception", lambda precision: FakeInception())
    monkeypatch.setattr(realism, "shipped_classifier", lambda dataset, load=realism.shipped_classifier: load("mnist"))
    test = data.load("mnist5k", "test")
    test = replace(test, pixels=test.pixels[:20], labels=test.labels[:20])
    x0 = data.to_float(test.pixels)
    found = realism.scorer(recipe("smoke", "superres", "mnist5k"), test, tmp_path, n=20)(lambda x_s, s, start: x0)
    assert found["rmse_direct"] == rmse(x0, x0) == 0 and abs(found["fid_direct"]) < 1e-6 and found["sharpness_direct"] == 1


def test_choices_run_side_by_side_and_finished_ones_are_kept(monkeypatch, tmp_path):
    row = {"images_seen": 64, "curve": [{"fid_direct": 1.0}]}
    (tmp_path / "realism").mkdir()
    (tmp_path / "realism" / "the recipe.json").write_text(json.dumps(row | {"choice": "the recipe"}))
    ran = []

    def in_a_process(self, name):
        ran.append(name)
        (self.runs / "realism" / f"{name}.json").write_text(json.dumps(row | {"choice": name}))
    monkeypatch.setattr(realism.Realism, "in_a_process", in_a_process)
    realism.Realism(runs=tmp_path, results=tmp_path, together=3).run()
    assert sorted(ran) == sorted(set(realism.CHOICES) - {"the recipe"})
    record = json.loads((tmp_path / "realism.json").read_text())
    assert [found["choice"] for found in record["rows"]] == list(realism.CHOICES) and record["together"] == 3
