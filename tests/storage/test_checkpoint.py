import errno
import hashlib
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from colddiff_nb.storage import checkpoint, files
from colddiff_nb.storage.checkpoint import export_weights, load_weights, newest, save
from colddiff_nb.storage.files import CheckpointError
from colddiff_nb.storage.lock import lock

ROOT = Path(__file__).parents[2]


def tiny(step):
    return {"step_again": step, "weight": torch.full((3, 2), float(step))}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def one_line(error):
    return "\n" not in str(error.value) and str(error.value)


class Hostile:
    """Unpickling this creates the file `path`."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def same(a, b):
    if isinstance(a, torch.Tensor):
        return (
            a.dtype == b.dtype
            and a.shape == b.shape
            and bytes(a.flatten().view(torch.uint8)) == bytes(b.flatten().view(torch.uint8))
        )
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


# --- checkpoints: round trip and what is kept


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4))
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.randn(2, 1, 8, 8)).sum().backward()
    optimiser.step()
    state = {
        "model": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "half": torch.tensor([1e-3, float("nan"), -0.0, float("inf")], dtype=torch.bfloat16),
        "counts": {1: torch.arange(5), "deep": [torch.tensor(True), (1, 2.5, None, "é", False)]},
        "recipe": {"name": "quick", "steps": 2**40, "rate": 0.1 + 0.2},
    }
    path = save(tmp_path, 1000, state)
    assert path == tmp_path / "step-00001000.pt" and names(tmp_path) == ["step-00001000.pt"]
    step, back = newest(tmp_path, log=pytest.fail)
    assert step == 1000 and same(dict(state), dict(back))


def test_no_checkpoints_is_none(tmp_path):
    assert newest(tmp_path) is None
    assert newest(tmp_path / "not there") is None


def test_the_two_newest_are_kept(tmp_path):
    (tmp_path / "step-00000001-keepsake.pt").write_bytes(b"the reader's own")
    (tmp_path / "curve.csv").write_text("step,loss\n")
    for step in (1, 2, 3, 99_999_999, 100_000_000):
        save(tmp_path, step, tiny(step))
    kept = ["step-100000000.pt", "step-99999999.pt"]
    assert names(tmp_path) == ["curve.csv", "step-00000001-keepsake.pt", *kept]
    assert newest(tmp_path)[0] == 100_000_000


def test_the_same_step_again_replaces_it(tmp_path):
    save(tmp_path, 5, tiny(5))
    save(tmp_path, 5, tiny(6))
    assert newest(tmp_path)[1]["step_again"] == 6 and names(tmp_path) == ["step-00000005.pt"]


def test_an_earlier_step_does_not_push_out_a_later_one(tmp_path):
    save(tmp_path, 5, tiny(5))
    for step in (3, 4):
        save(tmp_path, step, tiny(step))
    assert newest(tmp_path)[0] == 5 and names(tmp_path) == ["step-00000004.pt", "step-00000005.pt"]


def test_two_intact_ones_are_kept_when_one_is_damaged(tmp_path):
    for step in (1, 2):
        save(tmp_path, step, tiny(step))
    (tmp_path / "step-00000002.pt").write_bytes(b"")
    (tmp_path / "step-00000009.pt").write_bytes(b"foreign")
    save(tmp_path, 3, tiny(3))
    assert names(tmp_path) == ["step-00000001.pt", "step-00000003.pt"]


# --- checkpoints: damage


def damaged_is_skipped(folder, content):
    """Put `content` in place of the newest of two checkpoints: it must be named, and the older one used."""
    for step in (1, 2):
        save(folder, step, tiny(step))
    good = (folder / "step-00000002.pt").read_bytes()
    (folder / "step-00000002.pt").write_bytes(content(good))
    lines = []
    step, state = newest(folder, lines.append)
    assert step == 1 and same(state, tiny(1))
    assert len(lines) == 1 and "step-00000002.pt" in lines[0] and "\n" not in lines[0]
    (folder / "step-00000002.pt").unlink()
    return lines[0]


def test_a_checkpoint_cut_short_anywhere_is_skipped(tmp_path):
    save(tmp_path, 1, tiny(1))
    size = (tmp_path / "step-00000001.pt").stat().st_size
    for length in {0, 1, 47, 48, 49, size // 2, size - 49, size - 48, size - 47, size - 1}:
        assert "cut short" in damaged_is_skipped(tmp_path, lambda good, length=length: good[:length])


def test_a_flipped_bit_anywhere_is_noticed(tmp_path):
    whole = save(tmp_path, 1, tiny(1)).read_bytes()
    chance = random.Random(0)
    (tmp_path / "flipped").mkdir()
    path = tmp_path / "flipped" / "step-00000001.pt"
    for bit in [0, 8 * len(whole) - 1, *(chance.randrange(8 * len(whole)) for _ in range(300))]:
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="intact"):
            newest(path.parent, log=lambda line: None)


@pytest.mark.parametrize("content", [b"", b"GIF89a", bytes(4096), pickle.dumps({"step": 1})])
def test_foreign_files_are_skipped(tmp_path, content):
    assert "skipping" in damaged_is_skipped(tmp_path, lambda good: content)


def test_more_bytes_after_the_end_are_noticed(tmp_path):
    damaged_is_skipped(tmp_path, lambda good: good + b"\0")


def test_only_damaged_ones_never_start_a_run_over(tmp_path):
    (tmp_path / "step-00000007.pt").write_bytes(b"")
    (tmp_path / "step-00000008.pt").write_bytes(b"")
    lines = []
    with pytest.raises(CheckpointError, match="no checkpoint in .* is intact: delete .* or choose another --run") as error:
        newest(tmp_path, lines.append)
    assert str(tmp_path) in one_line(error) and len(lines) == 2


def test_what_cannot_be_read_is_named_with_its_cause_and_never_taken_for_damaged_or_empty(tmp_path, monkeypatch):
    for step in (1, 2):
        save(tmp_path, step, tiny(step))

    def refuse(real, forbidden):
        def refused(path):
            if path == forbidden:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return real(path)
        return refused

    newer = tmp_path / "step-00000002.pt"
    for name, forbidden in (("iterdir", tmp_path), ("read_bytes", newer)):
        with monkeypatch.context() as patch:
            patch.setattr(Path, name, refuse(getattr(Path, name), forbidden))
            for attempt in (lambda: newest(tmp_path, pytest.fail), lambda: save(tmp_path, 3, tiny(3))):
                with pytest.raises(CheckpointError) as error:
                    attempt()
                assert one_line(error).startswith(f"cannot use {forbidden} (Permission denied): ")
    unharmed(tmp_path)
    (tmp_path / "step-00000003.pt").symlink_to("step-00000003.pt")  # nobody can read that, whoever runs this test
    with pytest.raises(CheckpointError, match=f"^cannot use {tmp_path}/step-00000003.pt \\(.*\\): make it readable"):
        newest(tmp_path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_hostile_checkpoint_never_runs(tmp_path):
    victim = tmp_path / "victim"
    path = tmp_path / "step-00000001.pt"
    torch.save({"step": 1, "state": Hostile(victim)}, path)
    zipped = path.read_bytes()
    for payload in (zipped, pickle.dumps(Hostile(victim))):
        for footer in (b"", checkpoint.MAGIC + hashlib.sha256(payload).digest()):  # also with a checksum that fits
            path.write_bytes(payload + footer)
            with pytest.raises(CheckpointError) as error:
                newest(tmp_path, log=lambda line: None)
            assert one_line(error)
    assert not victim.exists()
    pickle.loads(pickle.dumps(Hostile(victim))).close()
    assert victim.exists()  # it is hostile indeed


# --- checkpoints: faults while writing


def unharmed(folder):
    assert names(folder) == ["step-00000001.pt", "step-00000002.pt"]
    assert newest(folder, log=pytest.fail)[0] == 2
    assert all(checkpoint._intact(path) for path in folder.glob("*.pt"))


def test_a_full_disk_leaves_the_two_newest(tmp_path):
    for step in (1, 2):
        save(tmp_path, step, tiny(step))
    code = """
import resource, sys, torch
from colddiff_nb.storage.checkpoint import save
from colddiff_nb.storage.files import CheckpointError
for limit in (0, 100, 70_000, 81_000):  # the checkpoint takes about 82,000 bytes
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        save(sys.argv[1], 3, {"weight": torch.zeros(20_000)})
    except CheckpointError as error:
        print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert len(lines) == 4
    assert all(f"cannot use {tmp_path} (File too large): free space" in line and "--run DIR" in line for line in lines)
    unharmed(tmp_path)
    assert 81_000 < save(tmp_path, 3, {"weight": torch.zeros(20_000)}).stat().st_size < 85_000


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_failing_system_call_leaves_the_two_newest(tmp_path, monkeypatch, call, code):
    for step in (1, 2):
        save(tmp_path, step, tiny(step))

    def fail(*arguments):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(CheckpointError, match=os.strerror(code)) as error:
            save(tmp_path, 3, tiny(3))
    assert str(tmp_path) in one_line(error)
    unharmed(tmp_path)


def test_an_old_checkpoint_goes_only_once_the_new_one_is_in_place(tmp_path, monkeypatch):
    for step in (1, 2):
        save(tmp_path, step, tiny(step))
    seen, real = [], Path.unlink
    monkeypatch.setattr(
        Path, "unlink", lambda path, **options: (seen.append((path.name, names(tmp_path))), real(path, **options))
    )
    save(tmp_path, 3, tiny(3))
    assert seen == [("step-00000001.pt", ["step-00000001.pt", "step-00000002.pt", "step-00000003.pt"])]


def test_an_interrupted_save_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, 1, tiny(1))
    assert names(tmp_path) == []


def test_a_folder_that_vanished_is_not_made_again(tmp_path):
    folder = tmp_path / "drive" / "run"
    folder.mkdir(parents=True)
    save(folder, 1, tiny(1))
    folder.parent.rename(tmp_path / "unmounted")
    with pytest.raises(CheckpointError, match="No such file.*mount it again.*--run DIR") as error:
        save(folder, 2, tiny(2))
    assert str(folder) in one_line(error) and not folder.exists()
    (tmp_path / "unmounted").rename(folder.parent)
    assert newest(folder)[0] == 1


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "run").write_text("a file")
    for attempt in (lambda: newest(tmp_path / "run"), lambda: save(tmp_path / "run", 1, {}), lock(tmp_path / "run").__enter__):
        with pytest.raises(CheckpointError, match="run") as error:
            attempt()
        assert one_line(error)


# --- weights


def weights():
    generator = torch.Generator().manual_seed(0)
    return {
        "conv.weight": torch.randn(4, 3, 3, 3, generator=generator).to(memory_format=torch.channels_last),
        "conv.bias": torch.randn(4, generator=generator, dtype=torch.float64),
        "preconditioner.gain": torch.tensor([1.0, 1e6, 3e-8]),
        "steps": torch.tensor(7),
        "mask": torch.tensor([True, False]),
        "none": torch.zeros(0, 2),
    }


def test_weights_come_back_as_float32_rounded_once(tmp_path):
    path, state = tmp_path / "weights.safetensors", weights()
    metadata = {"recipe": {"name": "quick", "T": 20}, "trained_on": ["mnist5k", "train"], "note": "é"}
    export_weights(path, state, metadata, keep=("preconditioner.",))
    back, described = load_weights(path)
    assert {key: described[key] for key in metadata} == metadata and len(described["checksum"]) == 64
    assert set(back) == set(state) and names(tmp_path) == ["weights.safetensors"]
    for key in ("conv.weight", "conv.bias"):
        assert back[key].dtype == torch.float32 and torch.equal(back[key], state[key].half().float())
        assert back[key].is_contiguous() and not torch.equal(back[key].double(), state[key].double())
    assert same(back["preconditioner.gain"], state["preconditioner.gain"])
    assert same(back["steps"], state["steps"]) and same(back["mask"], state["mask"]) and back["none"].shape == (0, 2)
    assert state["conv.bias"].dtype == torch.float64  # the network's own tensors are left as they were
    export_weights(path, back, described, keep=("preconditioner.",))
    assert load_weights(path)[1] == described  # the same weights have the same checksum


def test_weights_in_float32_are_exact_and_shared_tensors_are_fine(tmp_path):
    weight = torch.randn(5, 5)
    export_weights(tmp_path / "w", {"a": weight, "b": weight, "c": weight.T}, {}, keep=("",))
    back, _ = load_weights(tmp_path / "w")
    assert torch.equal(back["a"], weight) and torch.equal(back["b"], weight) and torch.equal(back["c"], weight.T)


@pytest.mark.parametrize("value", [1e6, float("nan"), float("-inf")])
def test_values_that_float16_cannot_hold_are_refused(tmp_path, value):
    with pytest.raises(ValueError, match=r"gain holds values that are not finite as torch.float16: .*keep"):
        export_weights(tmp_path / "w", {"gain": torch.tensor([value])}, {})
    assert names(tmp_path) == []


def test_damaged_and_foreign_weights_are_named(tmp_path):
    path = tmp_path / "weights.safetensors"
    export_weights(path, weights(), {"recipe": {"name": "quick"}}, keep=("preconditioner.",))
    good, chance, contents = path.read_bytes(), random.Random(0), []
    contents += [good[:length] for length in (0, 1, 8, 100, len(good) // 2, len(good) - 1)] + [good + b"\0"]
    for bit in (chance.randrange(8 * len(good)) for _ in range(500)):
        content = bytearray(good)
        content[bit // 8] ^= 1 << bit % 8
        contents.append(bytes(content))
    contents += [good.replace(b"quick", b"paper"), b"GIF89a", pickle.dumps({"a": 1}), bytes(1000)]
    state, metadata = load_weights(path)
    noticed = 0
    for content in contents:
        path.write_bytes(content)
        try:
            back, described = load_weights(path)
        except CheckpointError as error:
            noticed += 1
            assert str(path) in str(error) and "export it again" in str(error) and "\n" not in str(error)
        else:
            assert same(state, {key: back[key] for key in state}) and described == metadata  # a flip in the file's padding
    assert noticed >= len(contents) - 5


def test_weights_of_another_program_and_none_at_all(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "other", metadata={"format": "pt"})
    save_file({"a": torch.zeros(2)}, tmp_path / "without")
    save_file({"a": torch.zeros(2)}, tmp_path / "list", metadata={"colddiff_nb": "[]"})
    for name in ("other", "without", "list"):
        with pytest.raises(CheckpointError, match=f"{name} is damaged or was not written by export_weights") as error:
            load_weights(tmp_path / name)
        assert one_line(error)
    with pytest.raises(FileNotFoundError, match="no weights at .*nothing"):
        load_weights(tmp_path / "nothing")


def test_hostile_weights_never_run(tmp_path):
    torch.save({"a": Hostile(tmp_path / "victim")}, tmp_path / "zip")
    (tmp_path / "pickle").write_bytes(pickle.dumps(Hostile(tmp_path / "victim")))
    for name in ("zip", "pickle"):
        with pytest.raises(CheckpointError):
            load_weights(tmp_path / name)
    assert not (tmp_path / "victim").exists()


def test_a_failed_export_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "w"
    export_weights(path, {"a": torch.zeros(2)}, {})
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *paths: (_ for _ in ()).throw(OSError(errno.EROFS, "Read-only file system")))
        with pytest.raises(CheckpointError, match="Read-only file system"):
            export_weights(path, {"a": torch.ones(2)}, {})
    assert load_weights(path)[0]["a"].sum() == 0 and names(tmp_path) == ["w"]
    with pytest.raises(CheckpointError, match="No such file"):
        export_weights(tmp_path / "missing" / "w", {"a": torch.ones(2)}, {})


def test_two_writers_of_one_file_leave_it_whole(tmp_path, monkeypatch):
    real = os.replace

    def second_one_comes_between(source, target):
        monkeypatch.setattr(os, "replace", real)
        files.replace(tmp_path / "file", b"second")
        real(source, target)

    monkeypatch.setattr(os, "replace", second_one_comes_between)
    files.replace(tmp_path / "file", b"first")
    assert (tmp_path / "file").read_bytes() == b"first" and names(tmp_path) == ["file"]


ENDED = "the weights.safetensors that the end of a training writes"


@pytest.mark.parametrize(("content", "message"), [
    (None, "there are no weights at {}: check the path, or train and export them first"),
    ("folder", f"{{}} is a folder, not weights: give {ENDED}"),
    (b"PK\3\4 and more", f"{{}} is a checkpoint, not weights: give {ENDED}"),
    (b"version https://git-lfs.github.com/spec/v1", "{} is a git-LFS pointer, not weights: fetch them, git lfs pull"),
    (b"version https://git-lfX", "{} is damaged or was not written by export_weights: fetch or export it again"),
    (b"", "{} is damaged or was not written by export_weights: fetch or export it again"),
])
def test_what_is_given_in_place_of_weights_is_named(tmp_path, content, message):
    path = tmp_path / "given"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    with pytest.raises((FileNotFoundError, CheckpointError)) as raised:
        load_weights(path)
    assert str(raised.value) == message.format(path)


def test_weights_that_cannot_be_read_are_not_called_damaged(tmp_path, monkeypatch):
    export_weights(tmp_path / "w", {"a": torch.zeros(2)}, {})

    def refuse(path, *arguments):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(CheckpointError, match=f"^cannot use {tmp_path}/w \\(Permission denied\\): make it readable"):
        load_weights(tmp_path / "w")


def test_the_checksum_depends_on_values_and_not_on_the_order_of_metadata(tmp_path):
    tensors = {"b": torch.ones(2), "a": torch.zeros(3)}
    sums = set()
    for name, metadata in (("one", {"x": 1, "y": 2}), ("two", {"y": 2, "x": 1})):
        export_weights(tmp_path / name, tensors, metadata)
        sums.add(load_weights(tmp_path / name)[1]["checksum"])
    assert len(sums) == 1
    export_weights(tmp_path / "three", tensors | {"a": torch.ones(3)}, {"x": 1, "y": 2})
    assert load_weights(tmp_path / "three")[1]["checksum"] not in sums


def test_exported_weights_are_copies_on_the_cpu(tmp_path):
    network = torch.nn.Linear(2, 2)
    export_weights(tmp_path / "w", network.state_dict(), {}, keep=("bias",))
    tensors, _ = load_weights(tmp_path / "w")
    assert torch.equal(tensors["bias"], network.bias) and tensors["weight"].device.type == "cpu"
    with pytest.raises(ValueError) as raised:
        export_weights(tmp_path / "w", {"a": torch.tensor([1e9])}, {})
    assert str(raised.value) == ("a holds values that are not finite as torch.float16: "
                                 "mend the network, or name it in keep=(...)")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(CheckpointError) as raised:
        export_weights(tmp_path / "gone" / "w", {"a": torch.ones(1)}, {})
    assert str(tmp_path / "gone") in str(raised.value) and files.MEND in str(raised.value)
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="file"):
        save(tmp_path / "file", 1, tiny(1))
