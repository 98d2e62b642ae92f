"""One writer at a time: who holds a folder, who is told, and who takes it over from a process that was killed."""
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from colddiff_nb.storage import lock as locks
from colddiff_nb.storage.checkpoint import save
from colddiff_nb.storage.files import TEMPORARY, CheckpointError
from colddiff_nb.storage.lock import lock

ROOT = Path(__file__).parents[2]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def one_line(error):
    return "\n" not in str(error.value) and str(error.value)



HOLD = """
import sys, time
from colddiff_nb.storage.lock import lock
with lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(100)
"""


def test_a_second_writer_is_told_who_the_first_is(tmp_path):
    folder = tmp_path / "new" / "run"
    with lock(folder):
        assert names(folder) == ["run.lock"]
        with pytest.raises(CheckpointError, match=f"run is in use by process {os.getpid()} on .*--run DIR") as error:
            with lock(folder):
                pytest.fail("two writers")
        assert one_line(error) and names(folder) == ["run.lock"]
    assert names(folder) == []
    with pytest.raises(ZeroDivisionError), lock(folder):
        raise ZeroDivisionError
    assert names(folder) == []


def test_a_killed_run_starts_again_at_once(tmp_path):
    held = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert held.stdout.readline() == "held\n"
    with pytest.raises(CheckpointError, match=f"in use by process {held.pid}"), lock(tmp_path):
        pytest.fail("two writers")
    (tmp_path / f"step-00000001.pt{TEMPORARY}").write_bytes(b"half")
    held.kill()
    deadline = time.monotonic() + 10
    while locks._started(held.pid) and time.monotonic() < deadline:
        time.sleep(0.01)  # the kernel has yet to end it; its parent (this test) has not asked for its exit status
    with lock(tmp_path):
        assert names(tmp_path) == ["run.lock"]
    held.wait()
    held.stdout.close()


def test_a_later_process_of_the_same_number_does_not_hold_it(tmp_path):
    with lock(tmp_path):
        owner = json.loads((tmp_path / "run.lock").read_text())
    owner["started"] -= 3_600
    (tmp_path / "run.lock").write_text(json.dumps(owner))
    with lock(tmp_path):
        pass


def test_another_host_holds_it_while_it_was_heard_of_lately(tmp_path):
    path = tmp_path / "run.lock"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 5.0, "since": "noon"}))
    with pytest.raises(CheckpointError, match="process 1 on elsewhere since noon"), lock(tmp_path):
        pytest.fail("two writers")
    old = time.time() - locks.STALE - 1
    os.utime(path, (old, old))
    with lock(tmp_path):
        assert "elsewhere" not in path.read_text()


def test_the_lock_file_is_touched_while_held_and_not_taken_back(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "HEARTBEAT", 0.01)
    path = tmp_path / "run.lock"
    with lock(tmp_path):
        os.utime(path, (0, 0))
        deadline = time.monotonic() + 10
        while path.stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert time.time() - path.stat().st_mtime < 60
        path.write_text("taken over by another host")
        time.sleep(0.05)
    assert path.read_text() == "taken over by another host"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"host": 1, "pid": "x"}'])
def test_a_half_written_lock_is_waited_for_and_then_taken_over(tmp_path, monkeypatch, content):
    monkeypatch.setattr(locks, "WRITING", 0.2)
    (tmp_path / "run.lock").write_bytes(content)
    with lock(tmp_path):
        assert json.loads((tmp_path / "run.lock").read_text())["pid"] == os.getpid()
    (tmp_path / "run.lock").write_bytes(content)
    monkeypatch.setattr(locks, "_take", lambda path, mine: locks.SOMEBODY)
    with pytest.raises(CheckpointError, match="in use by another process that starts or ends just now"), lock(tmp_path):
        pytest.fail("two writers")


def left_behind(folder, **changes):
    """The lock of a process that was killed, on this system where nothing else is said."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with lock(folder):
        owner = json.loads((folder / "run.lock").read_text())
    (folder / "run.lock").write_text(json.dumps(owner | {"pid": ended.pid} | changes))


TAKE = """
import sys
from colddiff_nb.storage.files import CheckpointError
from colddiff_nb.storage.lock import lock
print("ready", flush=True)
sys.stdin.readline()
try:
    with lock(sys.argv[1]) as check:
        print("held", flush=True)
        sys.stdin.read()
        check()
except CheckpointError as error:
    print(error)
"""


def test_of_many_that_find_a_lock_left_behind_one_gets_it(tmp_path):
    left_behind(tmp_path)
    rivals = [subprocess.Popen([sys.executable, "-c", TAKE, str(tmp_path)], cwd=ROOT, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(6)]
    assert {rival.stdout.readline() for rival in rivals} == {"ready\n"}
    for rival in rivals:
        rival.stdin.write("go\n")
        rival.stdin.flush()
    said = [rival.stdout.readline() for rival in rivals]
    assert said.count("held\n") == 1 and all("in use by" in line for line in said if line != "held\n"), said
    assert not any(rival.communicate(timeout=100)[0] for rival in rivals) and names(tmp_path) == []


def test_one_that_is_late_does_not_take_the_lock_from_one_that_was_quicker(tmp_path, monkeypatch):
    left_behind(tmp_path)
    dead, real, quicker = (tmp_path / "run.lock").read_bytes(), locks._holder, []

    def judge(content, silence):
        if content == dead and not quicker:  # between this one's look at the file and what it does about it
            quicker.append(lock(tmp_path))
            quicker[0].__enter__()
        return real(content, silence)

    monkeypatch.setattr(locks, "_holder", judge)
    with pytest.raises(CheckpointError, match="in use by"), lock(tmp_path):
        pytest.fail("two writers")
    assert names(tmp_path) == ["run.lock"]
    quicker[0].__exit__(None, None, None)
    assert names(tmp_path) == []


def test_a_takeover_that_was_killed_half_way_is_taken_over_too(tmp_path, monkeypatch):
    left_behind(tmp_path)
    dead = (tmp_path / "run.lock").read_bytes()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(locks, "replace", lambda path, write: (_ for _ in ()).throw(KeyboardInterrupt))
        patch.setattr(Path, "unlink", lambda path, **options: None)
        lock(tmp_path).__enter__()
    second = next(path for path in tmp_path.iterdir() if path.name != "run.lock")
    second.write_bytes(dead)  # and its process has ended
    with lock(tmp_path):
        assert names(tmp_path) == ["run.lock"]


@pytest.mark.parametrize("elsewhere", [{"system": "another container"}, {"host": "elsewhere"}, {"system": None}])
def test_a_process_number_of_another_system_means_nothing_here(tmp_path, elsewhere):
    left_behind(tmp_path, **elsewhere)
    with pytest.raises(CheckpointError, match="in use by process"), lock(tmp_path):
        pytest.fail("two writers")


def test_a_container_of_the_same_host_name_is_another_system(tmp_path):
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", TAKE, str(tmp_path)]
    with lock(tmp_path):
        inside = subprocess.run(command, cwd=ROOT, input="", capture_output=True, text=True, timeout=100)
        if not inside.stdout and inside.returncode:
            pytest.skip("this user may not make a process namespace")
    assert f"in use by process {os.getpid()}" in inside.stdout


def test_a_holder_that_was_taken_over_is_told_before_it_writes(tmp_path):
    path = tmp_path / "run" / "run.lock"
    with lock(path.parent) as check:
        check()
        mine = path.read_bytes()
        for content in (b"by another", None):
            path.unlink() if content is None else path.write_bytes(content)
            with pytest.raises(CheckpointError, match=f"another process took {path.parent} over: this one writes nothing more") as error:
                check()
            assert one_line(error)
        path.write_bytes(mine)
        check()
        path.parent.rename(tmp_path / "unmounted")
        check()  # no other has it: what cannot be written says so itself


def test_writers_leave_each_others_temporary_files(tmp_path):
    (tmp_path / f"metrics.json.1234{TEMPORARY}").write_bytes(b"of an evaluation")
    with lock(tmp_path):
        save(tmp_path, 1, {"weight": torch.ones(2)})
    assert names(tmp_path) == [f"metrics.json.1234{TEMPORARY}", "step-00000001.pt"]


def test_a_folder_that_vanishes_while_locked_adds_no_error(tmp_path):
    with lock(tmp_path / "run"):
        shutil.rmtree(tmp_path / "run")
    assert names(tmp_path) == []
