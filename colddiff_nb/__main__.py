"""The command line: python -m colddiff_nb restore | train | evaluate | table | export | demo | report."""
from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # a log shows each line when it is said
    terminal = sys.stderr.isatty()
    try:
        print("starting ...\r" * terminal, end="", file=sys.stderr, flush=True)  # PyTorch takes seconds
        from colddiff_nb.commands.parsing import parse
        print("\033[K" * terminal, end="", file=sys.stderr, flush=True)
        parse(sys.argv[1:] if arguments is None else arguments)()
    except (ValueError, OSError, FloatingPointError, ModuleNotFoundError) as error:
        mend = ': pip install "colddiff_nb[cli]"' * isinstance(error, ModuleNotFoundError)
        print(f"error: {error}{mend}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
