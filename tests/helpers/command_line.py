"""Commands in this process, as a reader types them."""
from colddiff_nb.__main__ import main


def refused(arguments, capsys):
    """The one line on stderr of a command that is refused before any work, with status 2.

    A training or a scoring has said by then what it was about to do.
    """
    capsys.readouterr()
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as ended:
        code = ended.code
    printed = capsys.readouterr()
    assert code == 2 and "Traceback" not in printed.err, printed
    assert not printed.out or {"train", "evaluate"} & {*arguments} and printed.out.count("\n") <= 3, printed
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1, printed.err
    return printed.err
