"""Ctrl-C, SIGTERM and a stopped notebook cell as a flag that the training loop reads between steps."""
from __future__ import annotations

import signal
import threading


class Interrupts:
    """While the context is open, the first SIGINT or SIGTERM only sets `received`; a second one acts at once.

    Handlers are put back on leaving. Outside the main thread signals cannot be handled, and nothing is changed.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: object) -> None:
        self.received = signal.Signals(number)
        self._put_back()

    def _put_back(self) -> None:
        while self.before:
            number, handler = self.before.popitem()
            signal.signal(number, handler or signal.SIG_DFL)  # type: ignore[arg-type]

    def __exit__(self, *error: object) -> None:
        self._put_back()

    def end(self, message: str) -> None:
        """End as the signal asks, now that all is saved: KeyboardInterrupt for SIGINT, exit status 143 for SIGTERM."""
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt(message)
        raise SystemExit(128 + signal.SIGTERM)
