"""One writer at a time, by the system's file locks: a process that ends lets go of them, also if killed."""
from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from colddiff_nb.storage.files import MEND, TEMPORARY, CheckpointError, explained, make_folder

WITHOUT = errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK  # what file systems without locks answer


@contextmanager
def lock(folder: str | Path, name: str = "run", wait: float = 0) -> Iterator[None]:
    """Be the only one that writes a run ("run") or its scores ("metrics") into a folder, made if missing.

    Waits up to `wait` seconds for NAME.lock, and removes what a killed writer left half-written. Some network
    drives have no locks: there it holds nothing.

    Raises:
        CheckpointError: another process holds it.
    """
    import filelock

    folder, scores = Path(folder), name == "metrics"
    with ExitStack() as held:
        with explained(folder, MEND):
            make_folder(folder)
            try:
                held.enter_context(filelock.FileLock(folder / f"{name}.lock", timeout=wait))
            except filelock.Timeout:
                raise CheckpointError(f"{folder} is in use by another process: end that one (in a notebook, "
                                      "restart its kernel), or choose another --run DIR") from None
            except (NotImplementedError, OSError) as error:
                if isinstance(error, OSError) and error.errno not in WITHOUT:
                    raise
            for left in folder.glob(f"*{TEMPORARY}"):
                if left.name.startswith("metrics.") == scores:
                    left.unlink(missing_ok=True)
        yield
