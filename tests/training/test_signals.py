"""Ctrl-C, SIGTERM and a stopped cell, at any moment of a training."""
import os
import signal
import threading

import pytest
from survival import TINY, some_images

from colddiff_nb.storage import checkpoint
from colddiff_nb.training import recipe, train
from colddiff_nb.training.processes import interrupts

CHOICE = recipe("smoke", "superres", "mnist5k", **TINY | {"steps": 8, "save_every": 2, "evaluate_every": 2})


def run(folder, log=lambda line: None, **options):
    return train(CHOICE, folder, images=some_images(), log=log, **options)


def step_saved(folder):
    return checkpoint.newest(folder, log=pytest.fail)[0]


@pytest.mark.parametrize("number, error", [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
@pytest.mark.parametrize("moment", ["start", "save", "last save"])
def test_a_signal_at_any_moment_ends_saved_with_handlers_put_back(tmp_path, monkeypatch, number, error, moment):
    real, handlers, lines = checkpoint.save, [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)], []

    def save(folder, step, state):
        if step == {"save": 2, "last save": 8}.get(moment):
            os.kill(os.getpid(), number)
        return real(folder, step, state)

    def newest(folder, log):
        if moment == "start":
            os.kill(os.getpid(), number)

    monkeypatch.setattr(checkpoint, "save", save)
    monkeypatch.setattr(checkpoint, "newest", newest)
    with pytest.raises(error):
        run(tmp_path, log=lines.append)
    monkeypatch.undo()
    step = {"start": 1, "save": 3, "last save": 8}[moment]
    assert step_saved(tmp_path) == step
    assert lines[-1] == f"stopped at step {step} and saved: the same command goes on from there"
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert (tmp_path / "weights.safetensors").exists() == (step == 8)


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_handlers_are_put_back_without_a_signal_too(error):
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with interrupts():
            assert signal.getsignal(signal.SIGTERM) is not handler
            if error:
                raise error
    except ZeroDivisionError:
        pass
    assert signal.getsignal(signal.SIGTERM) is handler


def test_the_second_signal_acts_at_once():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start with it ignored
    try:
        with pytest.raises(KeyboardInterrupt), interrupts() as received:
            os.kill(os.getpid(), signal.SIGINT)
            assert received == [signal.SIGINT]
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_training_in_a_thread_leaves_signals_alone(tmp_path):
    handler = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=run, args=(tmp_path,), kwargs={"until": 1})
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is handler and step_saved(tmp_path) == 1
