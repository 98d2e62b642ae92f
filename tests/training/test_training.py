"""The training loop: it learns, resumes bit for bit, accumulates, averages, starts from other weights, and refuses what does not fit."""
import csv
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import measure
from colddiff_nb.metrics import ssim
from colddiff_nb.sampling import algorithm2, direct
from colddiff_nb.storage import checkpoint, runtime
from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.training import Recipe, recipe, train
from colddiff_nb.training.critic import Critic, MatmulConv2d
from colddiff_nb.training.loop import draw_batch, learning_rate, measured, update_ema
from colddiff_nb.training.rollout import Batch, Rollout
from colddiff_nb.training.run import Run, export
from colddiff_nb.weights import load_model, load_pretrained

TINY = {"steps": 20, "batch": 8, "widths": (8, 8, 8), "evaluate_every": 5, "save_every": 4, "rollout": 0.5, "precision": "float32"}

ACCUMULATED = recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 4}, accumulate=2)


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


@pytest.mark.slow
def test_twenty_steps_equal_ten_a_new_process_and_ten_more(digits, tmp_path):
    choice = recipe("smoke", "inpaint", "mnist5k", **TINY)
    train(choice, tmp_path / "whole", images=digits, on_evaluate=scores, log=quiet)
    train(choice, tmp_path / "parts", images=digits, until=10, on_evaluate=scores, log=quiet)
    code = f"""if True:
        import sys, torch
        sys.path[:0] = {sys.path!r}
        torch.set_num_threads(1)
        from test_training import TINY, scores
        from colddiff_nb.training import recipe, train
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
    assert metadata["device"] == runtime.device_name()


def test_scores_of_any_number_type_are_kept_as_plain_numbers(digits, tmp_path):
    choice = recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 1})
    train(choice, tmp_path, images=digits, on_evaluate=lambda step, network: {"a": np.float64(0.5), "b": torch.ones(())}, log=quiet)
    assert checkpoint.newest(tmp_path, log=quiet)[1]["rows"][0].items() >= {"a": 0.5, "b": 1.0}.items()


def test_accumulating_equals_one_larger_batch(digits, tmp_path):
    settings = TINY | {"steps": 3, "rollout": 0.0, "flip": True}
    one = train(recipe("smoke", "superres", "mnist5k", **settings), tmp_path / "one", images=digits, log=quiet)
    two = train(recipe("smoke", "superres", "mnist5k", **settings | {"batch": 4, "accumulate": 2}), tmp_path / "two", images=digits, log=quiet)
    for a, b in zip(one.parameters(), two.parameters()):
        assert torch.allclose(a, b, atol=1e-4)


def test_the_loss_is_the_recipes(digits, tmp_path):
    for name, weight, loss in (("l1", 0.0, torch.nn.functional.l1_loss), ("l2", 0.0, torch.nn.functional.mse_loss),
                               ("l2", 0.5, lambda x, y: torch.nn.functional.mse_loss(x, y) + 0.5 * (1 - ssim(x, y)))):
        changes = TINY | {"steps": 1, "evaluate_every": 1, "rollout": 0.0, "loss": name, "ssim": weight}
        choice, folder = recipe("smoke", "superres", "mnist5k", **changes), tmp_path / f"{name} {weight}"
        train(choice, folder, images=digits, log=quiet)
        torch.manual_seed(choice.seed)
        network = choice.build(degrade := choice.degradation())
        network.precondition.fit(degrade, to_float(digits.pixels[:1_000]))
        batch = draw_batch(choice, degrade, len(digits), 1)
        x0 = to_float(digits.pixels[batch.index])
        expected = loss(network(batch.drawn(x0, batch.t), batch.t), x0).item()
        assert float(curve(folder)[0]["loss"]) == pytest.approx(expected, rel=1e-4)


def test_training_by_ssim_raises_it(digits, tmp_path):
    def after(weight):
        choice = recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 40, "rollout": 0.0, "loss": "l2", "ssim": weight})
        network, degrade, x0 = train(choice, tmp_path / str(weight), images=digits, log=quiet), choice.degradation(), to_float(digits.pixels[:200])
        return ssim(direct(network, degrade.draw(200), degrade.draw(200)(x0, degrade.T)), x0)
    assert after(1.0) > after(0.0) + 0.01


def test_images_are_mirrored_and_moved_and_their_edge_is_mirrored():
    pixels = torch.arange(2 * 2 * 4 * 4, dtype=torch.uint8).view(2, 2, 4, 4)
    index, flip = torch.tensor([1, 0, 1, 1]), torch.tensor([False, True, False, True])
    shift = torch.tensor([[0, 0], [0, 0], [1, -2], [1, -2]])
    batch = Batch(index, flip, shift, index, index, recipe("smoke", "superres", "mnist5k").degradation().draw(4))
    as_it_is, mirrored, moved, both = batch.originals(pixels)
    assert torch.equal(as_it_is, to_float(pixels[1])) and torch.equal(mirrored, to_float(pixels[0].flip(-1)))
    assert torch.equal(moved, to_float(pixels[1][:, [1, 2, 3, 2]][:, :, [2, 1, 0, 1]]))
    assert torch.equal(both, to_float(pixels[1].flip(-1)[:, [1, 2, 3, 2]][:, :, [2, 1, 0, 1]])), "mirrored first"


def test_every_shift_is_drawn_and_none_where_none_is_asked_for(digits):
    for most in (0, 2):
        choice = recipe("smoke", "superres", "mnist5k", batch=400, shift=most)
        shift = draw_batch(choice, choice.degradation(), len(digits), 1).shift
        assert {tuple(pair) for pair in shift.tolist()} == {(a, b) for a in range(-most, most + 1) for b in range(-most, most + 1)}


def test_two_precisions_in_one_process(digits, tmp_path):
    for precision in ("bf16", "float32", "bf16"):
        train(recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 1, "precision": precision}), tmp_path / precision, images=digits, log=quiet)


@pytest.fixture(scope="module")
def undisturbed(digits, tmp_path_factory):
    return train(ACCUMULATED, tmp_path_factory.mktemp("undisturbed"), images=digits, log=quiet).state_dict()


@pytest.mark.parametrize("name, value", [
    ("GRADIENT_ACCUMULATION_STEPS", "4"), ("MIXED_PRECISION", "bf16"), ("USE_DEEPSPEED", "true"), ("TORCH_DEVICE", "meta")])
def test_no_setting_of_accelerates_changes_what_is_trained(digits, tmp_path, monkeypatch, undisturbed, name, value):
    from accelerate.state import PartialState

    monkeypatch.setattr(PartialState, "_shared_state", {})  # as in a process that trains for the first time
    monkeypatch.setenv(f"ACCELERATE_{name}", value)
    trained = train(ACCUMULATED, tmp_path, images=digits, log=quiet).state_dict()
    assert all(torch.equal(trained[key], undisturbed[key]) for key in undisturbed)
    assert os.environ[f"ACCELERATE_{name}"] == value


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


def test_images_that_the_recipe_does_not_name_are_refused_before_the_first_step(digits, tmp_path):
    choice = recipe("smoke", "inpaint", "mnist5k", **TINY)
    for pixels in digits.pixels[..., 2:30, 2:30], digits.pixels.expand(-1, 3, -1, -1):
        with pytest.raises(ValueError, match=r"^images are \(C, H, W\) = .*, and the recipe's \(1, 32, 32\): put"):
            train(choice, tmp_path, images=replace(digits, pixels=pixels), log=quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["run.lock"]


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
    assert uniform.t.min() == 1 and uniform.t.max() == 40
    assert uniform.t.bincount().float()[1:].std() < 60 and 0.45 < uniform.index.float().mean() / 100 < 0.55
    choice = recipe("small", "deblur", "mnist", batch=20_000)
    towards = draw_batch(choice, degrade, 100, step=1)
    assert towards.t.min() == 1 and 0.60 < (towards.t == 40).float().mean() < 0.65
    assert torch.equal(draw_batch(choice, degrade, 100, step=1).t, towards.t)
    assert not torch.equal(draw_batch(choice, degrade, 100, step=2).t, towards.t)
    assert not torch.equal(draw_batch(replace(choice, seed=1), degrade, 100, step=1).t, towards.t)  # CPU generators see 32 bits


@pytest.mark.parametrize("task, data_consistency", [("inpaint", "state"), ("superres", "state"), ("superres", "measurement")])
def test_a_rollout_goes_where_algorithm_2_goes(digits, task, data_consistency):
    """Each walker's states, from its start to s = 0, are those of the sampler for its own image and draw."""
    choice = recipe("smoke", task, "mnist5k", batch=8, T=3, data_consistency=data_consistency, shift=2)
    degrade = choice.degradation()
    rollout, network = Rollout(4, degrade, 1, torch.device("cpu")), choice.build(degrade).eval()
    torch.nn.init.normal_(network.head.weight, std=0.01)
    seen: list[dict[int, torch.Tensor]] = [{} for _ in range(4)]  # by walker: severity -> state
    for step in range(12):
        batch = draw_batch(choice, degrade, len(digits), step)
        fresh = (rollout.state["s"] == 0).tolist()
        rollout.join(batch)
        x0 = batch.originals(digits.pixels)
        x_t = rollout.inputs(batch, batch.drawn(x0, batch.t))
        assert torch.equal(x_t[4:], batch.drawn(x0, batch.t)[4:].double())  # only walkers have states of their own
        for i in range(4):
            seen[i] = {} if fresh[i] else seen[i]
            seen[i][int(batch.t[i])] = x_t[i].float()
            start = max(seen[i])
            path = algorithm2(network, batch.drawn[i:i + 1], batch.drawn[i:i + 1](x0[i:i + 1], start), start, trajectory=True)
            for s, expected in zip(path.severities, path.x):
                if s in seen[i]:
                    assert torch.allclose(seen[i][s], expected[0], atol=1e-5)
        with torch.no_grad():
            rollout.step(batch, x_t, network(x_t.float(), batch.t, batch.start))
    assert max(len(states) for states in seen) > 1


def test_a_network_made_for_both_precisions_sees_both():
    x_t = torch.rand(6, 1, 4, 4) * 2 - 1
    both = measured(recipe("smoke", "inpaint", "mnist", measurement_precision="both"), x_t)
    assert torch.equal(both[1::2], x_t[1::2]) and torch.equal(both[::2], measure(x_t[::2], "8bit"))
    assert torch.equal(measured(recipe("smoke", "inpaint", "mnist", measurement_precision="8bit"), x_t), measure(x_t, "8bit"))


def test_cosine_schedule_warms_up_and_ends_near_zero():
    choice = recipe("small", "deblur", "mnist", steps=1_000)
    rates = [learning_rate(choice, step) for step in range(1_000)]
    assert rates[0] < 0.1 * choice.learning_rate and max(rates) == pytest.approx(choice.learning_rate, rel=0.01)
    assert rates[-1] < 1e-4 * choice.learning_rate and learning_rate(recipe("paper", "deblur", "mnist"), 600_000) == 2e-5


def test_older_names_of_settings_are_read_and_a_model_says_todays():
    made = Recipe.from_dict({"measurement": "8bit", "sampler_states": 0.25, "keeps": "measurement"})
    assert (made.measurement_precision, made.rollout, made.data_consistency) == ("8bit", 0.25, "measurement")
    assert load_pretrained("deblur", "mnist", "8bit")[2]["recipe"]["measurement_precision"] == "8bit"  # its file says measurement


def test_missing_weights_name_what_is_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no weights deblur-fashion are shipped: choose one of"):
        load_pretrained("deblur", "fashion")
    with pytest.raises(FileNotFoundError, match="there are no weights at"):
        load_model(tmp_path / "weights.safetensors")


def test_a_training_with_older_names_and_fewer_settings_goes_on(digits, tmp_path, monkeypatch):
    choice = recipe("smoke", "superres", "mnist5k", steps=4)
    train(choice, tmp_path, images=digits, until=2, log=quiet)
    newest = checkpoint.newest

    def older(*arguments, **options):
        step, state = newest(*arguments, **options)
        old = state["identity"]["recipe"]
        del old["ema_half_life"], old["data_consistency"], old["ssim"], old["shift"], state["rollout"]["shift"], state["device"]
        old |= {"measurement": old.pop("measurement_precision"), "sampler_states": old.pop("rollout")}
        return step, state

    monkeypatch.setattr(checkpoint, "newest", older)
    with pytest.raises(ValueError, match="ema_half_life: 0.03 there, 0.1 here"):
        train(replace(choice, ema_half_life=0.1), tmp_path, images=digits, log=quiet)
    train(choice, tmp_path, images=digits, log=quiet)
    assert load_weights(tmp_path / "weights.safetensors")[1]["device"] == runtime.device_name()
    monkeypatch.setattr(checkpoint, "newest", newest)
    step, state = newest(tmp_path)
    export(tmp_path / "elsewhere.safetensors", step, state | {"device": "another"})
    assert load_weights(tmp_path / "elsewhere.safetensors")[1]["device"] == "another", "where it was trained, not where it is exported"


def test_a_run_goes_on_with_the_loss_scale_of_fp16(digits, tmp_path):
    def run(scale):
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        return Run(recipe("smoke", "superres", "mnist5k", **TINY), digits, tmp_path, torch.device("cpu"), None, None, quiet, scaler=scaler)

    run(8.0).save()
    assert run(2.0).parts["scaler"].get_scale() == 8.0


@pytest.mark.parametrize("changes", [{"realism": 0.1}, {"ssim": 0.3, "shift": 2, "flip": True}])
def test_a_training_with_a_critic_or_with_shifts_goes_on_bit_for_bit(changes, digits, tmp_path):
    choice = recipe("smoke", "inpaint", "mnist5k", **TINY | {"steps": 8, "evaluate_every": 8} | changes)
    whole = train(choice, tmp_path / "whole", images=digits)
    train(choice, tmp_path / "parts", images=digits, until=4)
    parts = train(choice, tmp_path / "parts", images=digits)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters()))


def test_a_cpu_goes_on_bit_for_bit_from_what_a_gpu_saves(digits, tmp_path, monkeypatch):
    """A GPU lays weights out in another order, holds its learning rate in a tensor, and replays its step."""
    choice = recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 8, "evaluate_every": 8, "realism": 0.1})
    whole = train(choice, tmp_path / "whole", images=digits)
    train(choice, tmp_path / "parts", images=digits, until=4)
    newest = checkpoint.newest

    def of_a_gpu(*arguments, **options):
        step, state = newest(*arguments, **options)
        state["identity"]["recipe"]["cuda_graph"] = True
        for optimizer in (state["optimizer"], state["critic"]["optimizer"]):
            optimizer["param_groups"][0] |= {"fused": True, "lr": torch.tensor(1e-3)}
            for kept in optimizer["state"].values():
                kept |= {name: moment.to(memory_format=torch.channels_last) for name, moment in kept.items() if moment.ndim == 4}
        state["critic"]["optimizer"]["param_groups"][0]["lr"] = 2e-4
        return step, state

    monkeypatch.setattr(checkpoint, "newest", of_a_gpu)
    parts = train(choice, tmp_path / "parts", images=digits)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters()))


@pytest.mark.parametrize("options", [{"kernel_size": 3, "padding": 1}, {"kernel_size": 4, "stride": 2, "padding": 1}])
def test_a_gpus_way_to_convolve_gives_the_same_outputs_and_second_derivatives(options):
    torch.manual_seed(0)
    layer, x = MatmulConv2d(3, 5, **options), torch.randn(2, 3, 8, 8, requires_grad=True)

    def outputs_and_derivatives(convolve):
        outputs = convolve(x)
        slope, = torch.autograd.grad(outputs.square().sum(), x, create_graph=True)
        return outputs, slope, *torch.autograd.grad(slope.square().sum(), [x, layer.weight, layer.bias])
    for one, other in zip(outputs_and_derivatives(layer.by_product), outputs_and_derivatives(layer.forward)):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)


def test_a_critic_learns_to_prefer_originals_and_says_so_to_the_network(digits):
    torch.manual_seed(0)
    critic, x0 = Critic(1, 32, torch.device("cpu"), bfloat16=False, penalty=1.0), to_float(digits.pixels[:32])
    smooth = F.avg_pool2d(x0, 3, 1, 1).requires_grad_()
    before = critic.doubt(smooth, x0).item()
    for _ in range(15):
        critic.learn(smooth, x0)
    after = critic.doubt(smooth, x0)
    after.backward()
    sharper = (smooth - 0.5 * smooth.grad / smooth.grad.abs().max()).detach()
    assert after.item() > 2 * before and critic.doubt(sharper, x0) < after
    assert all(weight.grad is None for weight in critic.network.parameters())  # the network's step leaves the critic alone
