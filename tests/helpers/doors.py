"""Everything that takes input from outside, knocked at with odd values: a valid result, or an error of one line.

`knock` is shared by test_fuzz.py and soak.py. A door is a hypothesis strategy and what to do with what it draws.
"""
from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from odd_values import changes, junk, mutate, picture, pictures, plain, some_of, spoilt, tensors
from survival import TINY, some_images

from colddiff_nb import __main__, data, sampling
from colddiff_nb.data import downloads, own_image
from colddiff_nb.degradations import make, measure
from colddiff_nb.metrics import evaluation, records
from colddiff_nb.metrics.classifier import load_classifier
from colddiff_nb.storage import checkpoint
from colddiff_nb.storage.files import CheckpointError
from colddiff_nb.training import Recipe, loop, recipe
from colddiff_nb.training.run import Run
from colddiff_nb.weights import load_model

CLEAR = (ValueError, FileNotFoundError, CheckpointError)  # in one line, or it is not clear
SECONDS = 20  # a case that takes longer hangs


class Files:
    """A finished tiny training in a folder, whose files are the seeds of all damage."""

    def __init__(self) -> None:
        self.temporary = tempfile.TemporaryDirectory()
        self.folder, self.images = Path(self.temporary.name), some_images()
        self.recipe = recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 2, "evaluate_every": 2})
        loop.train(self.recipe, self.folder / "run", images=self.images, log=quiet)
        self.step, self.state = checkpoint.newest(self.folder / "run", log=quiet) or (0, {})
        self.whole = (self.folder / "run/step-00000002.pt").read_bytes()[:-checkpoint.FOOTER]
        self.weights = (self.folder / "run/weights.safetensors").read_bytes()
        self.state_dict, self.metadata = checkpoint.load_weights(self.folder / "run/weights.safetensors")
        (self.folder / "case").mkdir()
        evaluation.evaluate((None, self.recipe.degradation(), {}), self.images, self.folder / "run", methods=("degraded",), log=quiet)
        self.record = (self.folder / "run/metrics.json").read_text()

    def resume(self) -> None:
        """As a training does, without its steps."""
        Run(self.recipe, self.images, self.folder / "case", torch.device("cpu"), None, None, quiet)


def quiet(line: str) -> None:
    pass


def checkpoint_door(files: Files, case: tuple[list, bool, bool]) -> None:
    mutations, foreign, forged = case
    content = mutate(b"" if foreign else files.whole, mutations)
    fitting = hashlib.sha256(content).digest() if forged else bytes(32)
    (files.folder / "case/step-00000002.pt").write_bytes(content + checkpoint.MAGIC + fitting)
    with warnings.catch_warnings(action="ignore"):
        checkpoint.newest(files.folder / "case", log=quiet)


def resume_door(files: Files, case: tuple[str, bool, Any]) -> None:
    """A checkpoint with a good checksum whose content is of another program."""
    name, inside, value = case
    state = dict(files.state)
    if inside and isinstance(state[name], dict) and state[name]:
        state[name] = {**state[name], next(iter(state[name])): value}
    else:
        state[name] = value
    with contextlib.suppress(OSError):
        os.unlink(files.folder / "case/step-00000002.pt")
    checkpoint.save(files.folder / "case", 2, state)
    files.resume()


def weights_door(files: Files, case: tuple[list, bool]) -> None:
    mutations, foreign = case
    path = files.folder / "case.safetensors"
    path.write_bytes(mutate(b"" if foreign else files.weights, mutations))
    checkpoint.load_weights(path)


def model_door(files: Files, case: tuple[str, str, Any]) -> None:
    """Weights with a good checksum whose metadata or tensors are of another program."""
    name, within, value = case
    metadata, tensors_there = dict(files.metadata), dict(files.state_dict)
    if name == "recipe" and within:
        metadata["recipe"] = {**metadata["recipe"], within: value}
    elif name == "tensors":
        tensors_there["stem.weight"] = value if isinstance(value, torch.Tensor) and not value.is_complex() else torch.zeros(2)
    else:
        metadata[name] = value
    path = files.folder / "case.safetensors"
    try:
        checkpoint.export_weights(path, tensors_there, metadata)
    except (TypeError, ValueError):
        return  # not JSON: no file of that kind can be
    for load in (load_classifier, load_model):
        try:
            load(path)
        except CLEAR as error:
            assert "\n" not in str(error), error
    Run(files.recipe, files.images, files.folder / "none", torch.device("cpu"), path, None, quiet)


def record_door(files: Files, case: tuple[list, str, Any]) -> None:
    """A metrics.json that was damaged, or is of another program."""
    mutations, name, value = case
    record = json.loads(files.record)
    if name:
        record["cells"][0][name] = value
    (files.folder / "case/metrics.json").write_bytes(mutate(json.dumps(record, default=repr).encode(), mutations))
    records.markdown(records.table(files.folder / "case"))
    evaluation.evaluate((None, files.recipe.degradation(), {}), files.images, files.folder / "case", methods=("degraded",), log=quiet)


def image_folder_door(files: Files, case: list[bytes]) -> None:
    """CIFAR-10 as a folder of image files, whose checksum is let pass."""
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "cifar10/test/cat").mkdir(parents=True)
        for index, content in enumerate(case):
            (Path(root) / f"cifar10/test/cat/{index}.png").write_bytes(content)
        real, downloads.sha256 = downloads.sha256, lambda rows: downloads.PUBLISHED["cifar10 test"]
        try:
            with warnings.catch_warnings(action="ignore"):
                assert data.load("cifar10", "test", root).pixels.shape == (len(case), 3, 32, 32)
        finally:
            downloads.sha256 = real


def degradation_door(files: Files, case: tuple[dict, Any, dict]) -> None:
    arguments, t, options = case
    degrade = make(arguments["task"], arguments["dataset"], **({"size": 8} | options))
    x_t = degrade.draw(2, torch.Generator().manual_seed(0))(arguments["x0"], t)
    assert x_t.shape == arguments["x0"].shape and (x_t.numel() == 0 or torch.isfinite(x_t).all())


def sampler_door(files: Files, case: dict[str, Any]) -> None:
    degrade = make("deblur", T=5, size=8, kernel=3)
    x_T = case["x_T"]
    if x_T.is_floating_point():
        x_T = measure(x_T, case["measurement_precision"])
    x_0 = sampling.SAMPLERS[case["sampler"]](lambda x, s, start: x, degrade, x_T, case["T"])
    assert x_0.shape == x_T.shape


def recipe_door(files: Files, case: tuple[dict, dict]) -> None:
    first, changed = case
    made = recipe(**first, **changed)
    loop.draw_batch(Recipe(**{**vars(made), "batch": 2, "accumulate": 1}), made.degradation(), 3, step=made.steps)
    assert 0 <= loop.learning_rate(made, made.steps - 1) <= made.learning_rate


def pixels_door(files: Files, case: Any) -> None:
    for function, back in ((data.to_float, data.to_uint8), (data.to_uint8, data.to_float)):
        with contextlib.suppress(ValueError):
            assert function(case).shape == back(function(case)).shape
    data.to_float(case) if case.dtype == torch.uint8 else data.to_uint8(case)


def data_set_door(files: Files, case: tuple) -> None:
    if data.channels(case[0]) not in (1, 3) or case[0] not in data.CHANNELS:  # a known one would be read, which takes seconds
        data.load(*case)


def image_door(files: Files, case: tuple[bytes, int, bool]) -> None:
    content, channels, invert = case
    with warnings.catch_warnings(action="ignore"):
        x0 = own_image.to_x0(own_image.open_image(content), channels, invert=invert)
    assert x0.shape == (1, channels, 32, 32) and torch.isfinite(x0).all() and x0.abs().max() <= 1


def command_line_door(files: Files, case: list[str]) -> None:
    """Every word but the trainings themselves, which are checked for as far as their first line."""
    here, output, errors = os.getcwd(), io.StringIO(), io.StringIO()
    real, loop.train = loop.train, lambda *arguments, **options: None  # type: ignore[assignment]
    os.chdir(files.folder / "case")
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            try:
                status = __main__.main(case)
            except SystemExit as ended:  # the parser's own refusal, or its help
                assert ended.code in (0, 2)
                return
            except CLEAR as error:
                raise AssertionError(f"the command line let through: {error!r}") from error
    finally:
        os.chdir(here)
        loop.train = real  # type: ignore[assignment]
    lines = errors.getvalue().strip().splitlines()
    assert status == 0 or status == 2 and lines[-1].startswith("error: "), (status, lines)


def one_of(*values: Any) -> st.SearchStrategy:
    return st.sampled_from(values)


pairs = st.builds(lambda shape: torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1,
                  st.tuples(st.just(2), one_of(1, 3), st.just(8), st.just(8)))  # two images
settings_of = {"deblur": {"kernel": one_of(1, 3, 11), "sigma": one_of(0.5, (1.0, 0.1)), "padding": one_of("circular", "reflect")},
               "superres": {"pooling": one_of("area", "bicubic")},
               "inpaint": {"center": one_of((0, 3), None), "sigma": one_of((1.0, 0.1), 2)}}
degradations = st.sampled_from(sorted(settings_of)).flatmap(lambda task: st.tuples(
    spoilt({"task": st.just(task), "dataset": one_of("mnist", "cifar10"), "x0": pairs}),
    one_of(0, 1, 2, torch.tensor([0, 1]), torch.tensor([3, 9]), torch.tensor([1]), torch.tensor([True, False]))
    | st.integers(-3, 130) | st.floats() | tensors,
    st.just({}) | some_of({**settings_of[task], "size": st.just(8), "T": one_of(1, 2, 3)})))
samplers = spoilt({"T": one_of(None, 5, 1, [5, 3, 1], (2,)), "measurement_precision": one_of("float32", "8bit")}).flatmap(
    lambda case: st.fixed_dictionaries({**{name: st.just(value) for name, value in case.items()}, "sampler": one_of(*sampling.SAMPLERS),
                                        "x_T": pairs | tensors.filter(lambda x: x.ndim and not x.is_complex())}))
fields = {"T": one_of(1, 2, None), "pooling": one_of("area", "bicubic"), "network": one_of("small", "paper"), "steps": one_of(1, 10, 50),
          "widths": one_of((8, 8, 8), (8, 16, 24)), "batch": one_of(1, 8), "accumulate": one_of(1, 2), "learning_rate": one_of(1e-3, 1),
          "schedule": one_of("constant", "cosine"), "clip": one_of(0.0, 1.0), "severities": one_of("uniform", "towards-T"),
          "rollout": one_of(0.0, 0.5), "ema": one_of("paper", "every-step"), "flip": one_of(True, None), "time_input": one_of(True),
          "precision": one_of("auto", "bf16"), "seed": one_of(0, 2 ** 25 - 1), "save_every": one_of(1, 5), "measurement_precision": one_of("8bit")}
recipes = st.tuples(spoilt({"name": one_of("smoke", "quick", "paper"), "task": one_of("deblur", "inpaint", "superres"),
                            "dataset": one_of("mnist5k", "cifar10")}), st.just({}) | some_of(fields) | some_of({"unknown": junk}))
words = st.sampled_from([
    "train", "evaluate", "restore", "--weights", "--severity", "--measured", "table", "report", "smoke", "quick", "small", "--help", "--task", "superres", "--dataset", "mnist5k", "--T",
    "--steps", "--widths", "--run", "--init", "--resume-from", "--until", "--batch", "--n", "--learning-rate", "--flip", "--methods", "direct",
    "--measurement-precision", "8bit", "--precision", "0", "1", "8", "-1", "1e9", "nan", "run", "../run", "../run/weights.safetensors",
    "../run/step-00000002.pt", "folder:../run/", "photos", "MNIST", ".", "", "\0",
    "é"]) | st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=6)
commands = st.one_of(
    st.lists(words, max_size=6),
    st.tuples(one_of("train smoke", "train quick"), st.lists(words, max_size=4)).map(lambda drawn: [*drawn[0].split(), *drawn[1]]),
    st.tuples(one_of("evaluate", "restore", "table"), words, words, words).map(list),
    st.just(["report"])).filter(lambda line: not {"mnist", "cifar10", "demo", "--fid", "--degraded"} & set(line))  # downloads, or minutes

GOOD = [picture(mode, (32, 32), "PNG", 1, []) for mode in ("RGB", "RGBA", "P", "I;16")]
DOORS: dict[str, tuple[st.SearchStrategy, Callable[[Files, Any], None]]] = {
    "checkpoint": (st.tuples(changes | st.just([]), st.booleans(), st.booleans()), checkpoint_door),
    "resume": (st.tuples(one_of("identity", "network", "ema", "optimizer", "rows", "loss_sum", "loss_count", "seconds", "rollout"),
                         st.booleans(), plain), resume_door),
    "weights": (st.tuples(changes | st.just([]), st.booleans()), weights_door),
    "model": (st.tuples(one_of("recipe", "recipe", "size", "tensors", "images_seen", "init", "data"),
                        one_of("", *fields, "task", "dataset"), plain), model_door),
    "record": (st.tuples(changes | st.just([]), one_of("", "rmse", "fid", "n", "data", "class_accuracy", "provenance"), plain), record_door),
    "image folder": (st.lists(pictures | st.binary(max_size=40) | one_of(*GOOD), max_size=3), image_folder_door),
    "degradation": (degradations, degradation_door),
    "sampler": (samplers, sampler_door),
    "recipe": (recipes, recipe_door),
    "pixels": (tensors, pixels_door),
    "data set": (st.tuples(one_of("photos", "folder:", "folder:nowhere", "imagenet") | st.text(max_size=4), one_of("test", "train") | junk,
                           st.just("data"), one_of(32) | junk), data_set_door),
    "image": (st.tuples(pictures | st.binary(max_size=40), one_of(1, 3), st.booleans()), image_door),
    "command line": (commands, command_line_door),
}


def knock(name: str, cases: int, number: int = 0, files: Files | None = None) -> int:
    """Try a door that many times, from a seed; AssertionError for a crash deep inside, a message of many lines, or a hang."""
    strategy, door = DOORS[name]
    files = files or Files()
    tried = valid = 0

    def hang(*ignored: Any) -> None:
        raise AssertionError(f"{name}: no answer in {SECONDS} seconds")

    @seed(number)
    @settings(max_examples=cases, deadline=None, database=None, phases=[Phase.explicit, Phase.generate, Phase.shrink],
              suppress_health_check=list(HealthCheck), print_blob=False)
    @given(strategy)
    def attempt(case: Any) -> None:
        nonlocal tried, valid
        tried += 1
        before = signal.signal(signal.SIGALRM, hang)
        signal.alarm(SECONDS)
        try:
            door(files, case)
            valid += 1
        except CLEAR as error:
            message = str(error)
            assert message and "\n" not in message, f"{name}: {message!r}"
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    attempt()
    assert valid, f"{name}: {tried} cases, and none of them was valid"
    return tried
