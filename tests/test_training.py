"""The training loop: it learns, resumes bit for bit, accumulates, averages, starts from other weights, and refuses what does not fit."""
import csv
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from colddiff_nb import checkpoint
from colddiff_nb.checkpoint import load_weights
from colddiff_nb.data import load, to_float
from colddiff_nb.networks import build
from colddiff_nb.pretrained import load_model, load_pretrained
from colddiff_nb.recipes import recipe
from colddiff_nb.sampling import algorithm2
from colddiff_nb.training import draw_batch, learning_rate, make_inputs, train, update_ema

TINY = {"steps": 20, "batch": 8, "widths": (8, 8, 8), "evaluate_every": 5, "save_every": 4, "sampler_states": 0.5, "precision": "float32"}


@pytest.fixture(scope="module")
def digits():
    return load("mnist5k", "train")


def quiet(line):
    pass


def scores(step, network):
    return {"weight": float(next(network.parameters()).double().sum())}


def curve(folder):
    with open(folder / "curve.csv") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def test_twenty_steps_equal_ten_a_new_process_and_ten_more(digits, tmp_path):
    choice = recipe("smoke", "inpaint", "mnist5k", **TINY)
    train(choice, tmp_path / "whole", images=digits, on_evaluate=scores, log=quiet)
    train(choice, tmp_path / "parts", images=digits, until=10, on_evaluate=scores, log=quiet)
    code = f"""if True:
        import sys, torch
        sys.path[:0] = {sys.path!r}
        torch.set_num_threads(1)
        from test_training import TINY, scores
        from colddiff_nb.recipes import recipe
        from colddiff_nb.training import train
        train(recipe("smoke", "inpaint", "mnist5k", **TINY), {str(tmp_path / "parts")!r}, on_evaluate=scores)"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "resumed at step 10" in finished.stdout, finished.stderr
    (step, whole), (_, parts) = (checkpoint.newest(tmp_path / name, log=quiet) for name in ("whole", "parts"))
    assert step == 20
    for part in ("network", "ema"):
        assert all(torch.equal(whole[part][key], parts[part][key]) for key in whole[part])
    for mine, theirs in zip(whole["optimizer"]["state"].values(), parts["optimizer"]["state"].values()):
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    assert curve(tmp_path / "whole") == curve(tmp_path / "parts") and len(curve(tmp_path / "whole")) == 4
    assert (tmp_path / "whole/weights.safetensors").stat().st_size > 0


def test_the_loss_falls_and_the_exported_weights_restore_like_the_network(digits, tmp_path):
    choice = recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 100, "batch": 16, "learning_rate": 5e-3, "evaluate_every": 25})
    ema = train(choice, tmp_path, images=digits, log=quiet)
    losses = [float(row["loss"]) for row in curve(tmp_path)]
    assert losses[-1] < 0.85 * losses[0]
    network, degrade, metadata = load_model(tmp_path / "weights.safetensors")
    x_T, t = degrade(to_float(digits.pixels[:4]), 3), torch.full((4,), 3)
    assert torch.allclose(network(x_T, t), ema(x_T, t), atol=2e-2)  # float16
    assert metadata["images_seen"] == 1_600 and metadata["data"] == digits.provenance and metadata["recipe"]["task"] == "superres"


def test_accumulating_equals_one_larger_batch(digits, tmp_path):
    settings = TINY | {"steps": 3, "sampler_states": 0.0, "flip": True}
    one = train(recipe("smoke", "superres", "mnist5k", **settings), tmp_path / "one", images=digits, log=quiet)
    two = train(recipe("smoke", "superres", "mnist5k", **settings | {"batch": 4, "accumulate": 2}), tmp_path / "two", images=digits, log=quiet)
    for a, b in zip(one.parameters(), two.parameters()):
        assert torch.allclose(a, b, atol=1e-4)


def test_two_precisions_in_one_process(digits, tmp_path):
    for precision in ("bf16", "float32", "bf16"):
        train(recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 1, "precision": precision}), tmp_path / precision, images=digits, log=quiet)


def test_training_starts_from_other_weights_and_counts_their_images(digits, tmp_path):
    choice = recipe("smoke", "superres", "mnist5k", **TINY)
    train(choice, tmp_path / "first", images=digits, log=quiet)
    weights = tmp_path / "first/weights.safetensors"
    second = train(replace(choice, steps=1, learning_rate=1e-9), tmp_path / "second", images=digits, init=weights, log=quiet)
    first, metadata = load_weights(weights)
    assert torch.allclose(second.state_dict()["head.weight"], first["head.weight"], atol=1e-5)
    _, metadata_second = load_weights(tmp_path / "second/weights.safetensors")
    assert metadata_second["images_seen"] == 160 + 8 and metadata_second["init"]["checksum"] == metadata["checksum"]
    with pytest.raises(ValueError, match="cannot start this training: task: superres there, inpaint here"):
        train(replace(choice, task="inpaint"), tmp_path / "third", images=digits, init=weights, log=quiet)


def test_another_recipe_or_data_set_is_refused_field_by_field(digits, tmp_path):
    choice = recipe("smoke", "superres", "mnist5k", **TINY)
    train(choice, tmp_path, images=digits, until=4, log=quiet)
    other = replace(digits, pixels=digits.pixels[:100], checksum="other")
    with pytest.raises(ValueError, match=r"data.checksum: .*recipe.learning_rate: 0.0015 there, 0.1 here; recipe.seed: 0 there, 7 here") as caught:
        train(replace(choice, seed=7, learning_rate=0.1), tmp_path, images=other, log=quiet)
    assert "\n" not in str(caught.value)


def test_ema_follows_the_papers_rule():
    choice = recipe("paper", "superres", "mnist")
    network, ema = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    for step, expected in ((5, 0.0), (10, 1.0), (1_990, 1.0), (2_001, 1.0), (2_010, 0.995 * 1 + 0.005 * 3)):
        network.weight.data.fill_(3.0 if step > 2_000 else 1.0)
        if step == 5:
            ema.weight.data.fill_(0.0)
        update_ema(choice, ema, network, step)
        assert ema.weight.item() == pytest.approx(expected)


def test_ema_every_step_has_a_half_life_of_three_percent_of_the_steps():
    choice = recipe("small", "superres", "mnist")
    network, ema = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    ema.weight.data.fill_(1.0)
    for step in range(1_000, 1_031):
        update_ema(choice, ema, network, step)
    assert ema.weight.item() == pytest.approx(0.5, abs=0.02)


def test_severities_cover_the_range_as_the_recipe_says():
    degrade = recipe("small", "deblur", "mnist").degradation()
    uniform = draw_batch(recipe("paper", "deblur", "mnist", batch=20_000), degrade, 100, step=1)
    t = uniform.path[:, -1]
    assert t.min() == 1 and t.max() == 40 and (uniform.path == t.unsqueeze(1)).all()
    assert t.bincount().float()[1:].std() < 60 and 0.45 < uniform.index.float().mean() / 100 < 0.55
    towards = draw_batch(recipe("small", "deblur", "mnist", batch=20_000, sampler_states=0.0), degrade, 100, step=1)
    assert 0.60 < (towards.path[:, -1] == 40).float().mean() < 0.65
    sampled = draw_batch(recipe("small", "deblur", "mnist", batch=20_000, sampler_states=0.5), degrade, 100, step=1)
    assert (sampled.path.diff(dim=1) <= 0).all() and sampled.path.max() == 40 and sampled.path.min() == 1
    assert 0.4 < (sampled.path[:, 0] > sampled.path[:, -1]).float().mean() < 0.5
    again = draw_batch(recipe("small", "deblur", "mnist", batch=20_000, sampler_states=0.5), degrade, 100, step=1)
    assert torch.equal(again.path, sampled.path)
    assert not torch.equal(draw_batch(recipe("small", "deblur", "mnist"), degrade, 100, 2).path, sampled.path[:64])


def test_sampler_states_are_what_algorithm_2_makes(digits):
    choice = recipe("smoke", "deblur", "mnist5k", **TINY | {"sampler_states": 1.0, "batch": 64})
    degrade = choice.degradation()
    network = build(choice, degrade).train()
    x0 = to_float(digits.pixels[:64])
    batch = draw_batch(choice, degrade, 64, step=3)
    x_t, t = make_inputs(choice, network, batch, x0, slice(0, 64))
    assert network.training and torch.equal(t, batch.path[:, -1])
    walked = batch.path[:, 0] > t
    assert walked.any() and (~walked).any()
    assert torch.equal(x_t[~walked], degrade(x0, t)[~walked])
    for i in walked.nonzero().squeeze(1).tolist()[:20]:
        visited = sorted(set(batch.path[i].tolist()), reverse=True)
        x_T = degrade(x0[i:i + 1], visited[0])
        expected = algorithm2(network, degrade, x_T, T=visited, trajectory=True).x[-2]
        assert torch.allclose(x_t[i:i + 1], expected, atol=1e-5)


def test_cosine_schedule_warms_up_and_ends_near_zero():
    choice = recipe("small", "deblur", "mnist", steps=1_000)
    rates = [learning_rate(choice, step) for step in range(1_000)]
    assert rates[0] < 0.1 * choice.learning_rate and max(rates) == pytest.approx(choice.learning_rate, rel=0.01)
    assert rates[-1] < 1e-4 * choice.learning_rate and learning_rate(recipe("paper", "deblur", "mnist"), 600_000) == 2e-5


def test_missing_weights_name_what_is_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no weights are shipped for deblur, kodak, float32"):
        load_pretrained("deblur", "kodak")
    with pytest.raises(FileNotFoundError, match="there are no weights at"):
        load_model(tmp_path / "weights.safetensors")
