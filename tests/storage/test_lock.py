"""One writer at a time: who is refused, what a killed writer leaves, and file systems without locks."""
import errno
import shutil
import subprocess
import sys
from pathlib import Path

import filelock
import pytest
import torch

from colddiff_nb.storage.checkpoint import save
from colddiff_nb.storage.files import TEMPORARY, CheckpointError
from colddiff_nb.storage.lock import lock

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from colddiff_nb.storage.lock import lock
with lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(100)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_second_writer_is_refused_in_one_line(tmp_path):
    folder = tmp_path / "new" / "run"
    with lock(folder):
        with pytest.raises(CheckpointError, match="run is in use by another process: end that one.*--run DIR") as error:
            with lock(folder):
                pytest.fail("two writers")
        assert "\n" not in str(error.value) and "delete" not in str(error.value)  # of two who delete it, both would write
        with lock(folder, "metrics"):
            pass  # scores may be written while a training goes on
    with pytest.raises(ZeroDivisionError), lock(folder):
        raise ZeroDivisionError
    with lock(folder):
        pass


def test_a_killed_run_starts_again_at_once(tmp_path):
    held = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert held.stdout.readline() == "held\n"
    with pytest.raises(CheckpointError, match="in use by another process"), lock(tmp_path):
        pytest.fail("two writers")
    (tmp_path / f"step-00000001.pt{TEMPORARY}").write_bytes(b"half")
    held.kill()
    held.wait()
    held.stdout.close()
    with lock(tmp_path):
        assert names(tmp_path) == ["run.lock"]


@pytest.mark.parametrize("error", [NotImplementedError(), OSError(errno.EOPNOTSUPP, "Operation not supported")])
def test_a_drive_without_locks_is_written_all_the_same(tmp_path, monkeypatch, error):
    def refuse(lock, *arguments, **options):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with lock(tmp_path):
        save(tmp_path, 1, {"weight": torch.ones(2)})
    error = OSError(errno.EROFS, "Read-only file system")
    with pytest.raises(CheckpointError, match="Read-only file system"), lock(tmp_path):
        pytest.fail("nothing can be written")


def test_writers_leave_each_others_temporary_files(tmp_path):
    (tmp_path / f"metrics.json.1234{TEMPORARY}").write_bytes(b"of an evaluation")
    with lock(tmp_path):
        save(tmp_path, 1, {"weight": torch.ones(2)})
    assert names(tmp_path) == [f"metrics.json.1234{TEMPORARY}", "run.lock", "step-00000001.pt"]


def test_a_folder_that_vanishes_while_locked_adds_no_error(tmp_path):
    with lock(tmp_path / "run"):
        shutil.rmtree(tmp_path / "run")
    assert names(tmp_path) == []
