"""Everything that takes input from outside, knocked at with odd values: a valid result, or an error of one line.

`knock` is shared by test_fuzz.py and tools/soak.py. A door is a hypothesis strategy and what to do with what it draws.
"""
from __future__ import annotations

import contextlib
import hashlib
import io
import math
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
from PIL import Image
from survival import TINY, some_images

from colddiff_nb import __main__, checkpoint, data, own_image, sampling, training
from colddiff_nb.degradations import make, measure
from colddiff_nb.pretrained import load_model
from colddiff_nb.recipes import Recipe, recipe
from colddiff_nb.run import Run

CLEAR = (ValueError, FileNotFoundError, checkpoint.CheckpointError)  # in one line, or it is not clear
SECONDS = 20  # a case that takes longer hangs

class Files:
    """A finished tiny training in a folder, whose files are the seeds of all damage."""

    def __init__(self) -> None:
        self.temporary = tempfile.TemporaryDirectory()
        self.folder, self.images = Path(self.temporary.name), some_images()
        self.recipe = recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 2, "evaluate_every": 2})
        training.train(self.recipe, self.folder / "run", images=self.images, log=quiet)
        self.step, self.state = checkpoint.newest(self.folder / "run", log=quiet) or (0, {})
        self.whole = (self.folder / "run/step-00000002.pt").read_bytes()[:-checkpoint.FOOTER]
        self.weights = (self.folder / "run/weights.safetensors").read_bytes()
        self.state_dict, self.metadata = checkpoint.load_weights(self.folder / "run/weights.safetensors")
        (self.folder / "case").mkdir()

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
    Run(files.recipe, files.images, files.folder / "none", torch.device("cpu"), path, None, quiet)
    load_model(path)


# --- arguments

def degradation_door(files: Files, case: tuple[tuple, dict, Any, Any, Any]) -> None:
    arguments, options, n, x0, t = case
    degrade = make(*arguments, **options)
    sized = isinstance(x0, torch.Tensor) and x0.ndim
    drawn = degrade.draw(len(x0) if sized and n is None else n, torch.Generator().manual_seed(0))
    x_t = drawn(x0, t)
    assert x_t.shape == x0.shape and (x0.numel() == 0 or torch.isfinite(x_t).all())


def sampler_door(files: Files, case: tuple[str, Any, Any, Any]) -> None:
    name, T, x_T, measurement = case
    degrade = make("deblur", T=5, size=8, kernel=3)
    if x_T.is_floating_point():
        x_T = measure(x_T, measurement)
    x_0 = sampling.SAMPLERS[name](lambda x, s: x, degrade, x_T, T)
    assert x_0.shape == x_T.shape


def recipe_door(files: Files, case: tuple[tuple, dict]) -> None:
    arguments, changed = case
    made = recipe(*arguments, **changed)
    assert made.steps > 0 and made.learning_rate > 0 and math.isfinite(made.learning_rate)
    degrade = made.degradation(16)
    training.draw_batch(Recipe(**{**vars(made), "batch": 2, "accumulate": 1}), degrade, 3, step=made.steps)
    training.learning_rate(made, made.steps - 1)


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
    real, training.train = training.train, lambda *arguments, **options: None  # type: ignore[assignment]
    os.chdir(files.folder / "case")
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            try:
                status = __main__.main(case)
            except SystemExit as ended:  # the parser's own refusal, or its help
                assert ended.code in (0, 2)
                return
    finally:
        os.chdir(here)
        training.train = real  # type: ignore[assignment]
    lines = errors.getvalue().strip().splitlines()
    assert status == 0 or status == 2 and lines[-1].startswith("error: "), (status, lines)


words = st.sampled_from([
    "train", "evaluate", "sample", "table", "report", "smoke", "quick", "small", "--help", "--task", "superres", "--dataset", "mnist5k", "--T",
    "--steps", "--widths", "--run", "--init", "--resume-from", "--until", "--batch", "--n", "--learning-rate", "--flip", "--methods", "direct",
    "--measurement", "8bit", "--precision", "--degraded", "0", "1", "8", "-1", "1e9", "nan", "run", "../run", "../run/weights.safetensors",
    ".", "", "\0", "é\n"]) | st.text(max_size=6)
commands = st.one_of(
    st.lists(words, max_size=6),
    st.tuples(st.sampled_from(["train smoke", "train quick"]), st.lists(words, max_size=4)).map(lambda drawn: [*drawn[0].split(), *drawn[1]]),
    st.tuples(st.sampled_from(["evaluate", "sample", "table"]), words, words, words).map(list),
).filter(lambda line: not {"mnist", "cifar10", "demo", "--fid", "--degraded"} & set(line))  # these download, or take minutes
DOORS: dict[str, tuple[st.SearchStrategy, Callable[[Files, Any], None]]] = {
    "checkpoint": (st.tuples(changes | st.just([]), st.booleans(), st.booleans()), checkpoint_door),
    "resume": (st.tuples(st.sampled_from(["identity", "network", "ema", "optimizer", "rows", "loss_sum", "loss_count", "seconds", "scaler"]),
                         st.booleans(), plain), resume_door),
    "weights": (st.tuples(changes | st.just([]), st.booleans()), weights_door),
    "model": (st.tuples(st.sampled_from(["recipe", "recipe", "size", "tensors", "images_seen", "init", "data"]),
                        st.sampled_from(["", *recipe_fields, "task", "dataset"]), plain), model_door),
    "degradation": (st.tuples(st.tuples(mostly("deblur", "superres", "inpaint"), mostly("mnist", "cifar10")),
                              of_size_8() | of_size_8(kernel=mostly(1, 3, 11), sigma=mostly(0.5, (1.0, 0.1)), padding=mostly("circular"))
                              | of_size_8(center=mostly((0, 3)), sigma=mostly((1.0, 0.1))) | of_size_8(pooling=mostly("area")),
                              st.just(None) | junk, images | tensors | junk,
                              mostly(0, 1, 2, of=st.integers(0, 5) | st.builds(torch.full, st.tuples(st.integers(0, 3)), st.integers(-1, 5)))
                              | tensors), degradation_door),
    "sampler": (st.tuples(st.sampled_from(list(sampling.SAMPLERS)), mostly(None, 5, 1, [5, 3, 1], (2,)), images | tensors,
                          mostly("float32", "8bit")), sampler_door),
    "recipe": (st.tuples(st.tuples(mostly("smoke", "quick", "paper"), mostly("deblur", "inpaint", "superres"), mostly("mnist5k", "cifar10")),
                         st.sets(st.sampled_from(list(recipe_fields)), max_size=4).flatmap(
                             lambda names: st.fixed_dictionaries({name: recipe_fields[name] for name in names}))), recipe_door),
    "pixels": (tensors, pixels_door),
    "data set": (st.tuples(st.sampled_from(["photos ", "photos", "folder:", "folder:.", "imagenet"]) | st.text(max_size=4), mostly("test", "train"),
                            st.just("data"), mostly(32, 7)), data_set_door),
    "image": (st.tuples(files_of | st.binary(max_size=40), st.sampled_from([1, 3]), st.booleans()), image_door),
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
