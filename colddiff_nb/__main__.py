"""The command line: python -m colddiff_nb restore | train | evaluate | table | export | demo | report."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def waiting() -> Iterator[None]:
    """Say on a terminal that something happens while PyTorch is imported, and take it back."""
    terminal = sys.stderr.isatty()
    if terminal:
        print("starting ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # a log shows each line when it is said
    try:
        with waiting():
            from colddiff_nb.commands.parsing import parse
        parse(sys.argv[1:] if arguments is None else arguments)()
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f'error: {error}: pip install "colddiff_nb[cli]"', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
