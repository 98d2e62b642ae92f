"""A training for so many seconds is scored at its points, and a study of choices trains each as it says."""
import json
from dataclasses import asdict, replace

import pytest
import torch

from colddiff_nb import data, make
from colddiff_nb.degradations import check_degradation
from colddiff_nb.metrics import rmse
from colddiff_nb.storage import runtime
from colddiff_nb.training import recipe, train
from colddiff_nb.weights.pretrained import weights_file
from studies import further, realism, realism_choices
from studies.published import Published
from studies.study import RESULTS


class FakeInception:
    name = resize = "fake"

    def __call__(self, x):
        return torch.nn.functional.avg_pool2d(x, 8).flatten(1)


@pytest.mark.slow
def test_a_training_of_some_seconds_is_scored_at_its_points(tmp_path, monkeypatch):
    monkeypatch.setattr(realism, "inception", lambda precision: FakeInception())
    monkeypatch.setattr(realism, "shipped_classifier", lambda dataset, load=realism.shipped_classifier: load("mnist"))
    train, test = (data.load("mnist5k", split) for split in ("train", "test"))
    choice = recipe("smoke", "superres", "mnist5k")
    scores = realism.scorer(choice, test, tmp_path, n=30)
    found = realism.train_for(0.01, choice, tmp_path / "run", scores, images=train, log=lambda line: None)
    assert [row["step"] for row in found["curve"]] == [2, 4, 8, 16, 32, 64] and found["images_seen"] == 64 * 16
    assert found["curve"][-1]["rmse_direct"] < found["curve"][0]["rmse_direct"]
    assert {"fid_algorithm2", "frechet_direct", "ssim_direct", "sharpness_algorithm2"} <= set(found["curve"][0])
    assert (tmp_path / "run" / "weights.safetensors").is_file() and len(list(tmp_path.glob("fake, 30 of *"))) == 1


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


@pytest.mark.slow
def test_a_further_training_is_scored_on_the_device_it_trains_on(monkeypatch, tmp_path):
    digits = data.load("mnist5k", "train")
    monkeypatch.setattr(realism, "inception", lambda precision: FakeInception())
    monkeypatch.setattr(further, "TRAININGS", {("superres-mnist", "two steps"): {"steps": 2, "batch": 8}})
    monkeypatch.setattr(further, "load", lambda *arguments: digits)
    monkeypatch.setattr(further, "train", lambda made, folder, data_root, init: (
        train(replace(made, dataset="mnist5k"), folder, images=digits, init=init, log=lambda line: None)))
    further.Further(runs=tmp_path, results=tmp_path, n=20).run()
    row, = json.loads((tmp_path / "further.json").read_text())["rows"]
    assert row["device"] == runtime.device_name() and row["shipped"].keys() == row["scores"].keys() >= {"fid_direct", "ssim_algorithm2"}


def test_every_further_training_can_be_made_and_is_the_one_that_was_recorded():
    recorded = {(row["beside"], row["training"]): row["changes"] for row in Published(RESULTS).read("further.json")["rows"]}
    assert {place for place in recorded if "shipped now" in place[1]} <= further.TRAININGS.keys()
    for (beside, name), changes in further.TRAININGS.items():
        task, dataset, *_ = beside.split("-")
        after = changes.get("after")
        assert after is None or (beside, after) in further.TRAININGS
        made = asdict(recipe("small", task, dataset, **{field: value for field, value in changes.items() if field != "after"}))
        for field, value in recorded.get((beside, name), {}).items():
            assert field == "after" or made[field] in (value, tuple(value) if isinstance(value, list) else None), (beside, name, field)


def test_a_further_training_goes_on_from_shipped_weights_or_from_another_one_and_is_scored_beside_the_shipped_model(monkeypatch, tmp_path):
    mine = {("superres-mnist-realism", "first"): {"steps": 3}, ("superres-mnist-realism", "second"): {"steps": 4, "after": "first"},
            ("superres-cifar10", "new"): {"steps": 5, "after": None}}
    monkeypatch.setattr(further, "TRAININGS", mine)
    monkeypatch.setattr(further, "scorer", lambda made, images, cache, n: lambda network: {"ssim_direct": 0.5 if network == "trained" else 0.25})
    monkeypatch.setattr(further, "load", lambda *arguments: None)
    begun = []
    monkeypatch.setattr(further, "train", lambda made, folder, data_root, init: begun.append((made.steps, folder.name, init)) or "trained")
    further.Further(runs=tmp_path, results=tmp_path, only=("superres-mnist-realism",)).run()
    first = tmp_path / "further/superres-mnist-realism/first/weights.safetensors"
    assert begun == [(3, "first", weights_file("superres-mnist-realism")), (4, "second", first)]
    record = json.loads((tmp_path / "further.json").read_text())
    assert [(row["pair"], row["training"], row["images_seen"], row["shipped"]["ssim_direct"], row["scores"]["ssim_direct"])
            for row in record["rows"]] == [("superres-mnist", "first", 192, 0.25, 0.5), ("superres-mnist", "second", 256, 0.25, 0.5)]
    further.Further(runs=tmp_path, results=tmp_path).run()
    assert begun[2:] == [(5, "new", None)], "what is recorded is not trained again"


@pytest.mark.slow
def test_a_study_of_choices_trains_each_as_it_says_and_keeps_those_that_are_done(monkeypatch, tmp_path):
    (tmp_path / "realism.json").write_text(json.dumps(
        {"task": "superres", "dataset": "mnist", "split": "validation", "n": 2_000, "rows": [{"choice": "the recipe"}]}))
    made = {}

    def train_for(seconds, recipe, folder, scores, images, training):
        made[folder.name] = (recipe.task, recipe.realism, recipe.widths[0], len(images), training.__name__)
        return {"images_seen": 64}
    monkeypatch.setattr(realism, "train_for", train_for)
    monkeypatch.setattr(realism, "scorer", lambda *arguments: None)
    monkeypatch.setattr(realism, "load", lambda name, split, root: data.load("mnist5k", "train"))
    realism.Realism(runs=tmp_path, results=tmp_path).run()
    assert list(made) == list(realism.CHOICES)[1:]
    assert made["2,000 digits"] == ("superres", 0, 48, 2_000, "train") and made["twice as wide"][2] == 96
    assert made["a critic, weight 0.3"][1] == 0.3 and made["a finer schedule"][0] == "finer-pixels"
    assert made["energy score"][4] == "train_to_draw"
    record = json.loads((tmp_path / "realism.json").read_text())
    assert [row["choice"] for row in record["rows"]] == list(realism.CHOICES)
