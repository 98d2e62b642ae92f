"""Measure the studies and write the pages of results/.

    python -m studies run NAME --data ROOT    rows that are recorded already are not measured again
    python -m studies run --help              the studies; run NAME --help: what one measures, and its options
    python -m studies report                  the pages of results/ and the models' cards
"""
import sys

import tyro

from studies import report
from studies.study import all_studies


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["run"]:
        found = all_studies()
        choice = tyro.extras.subcommand_type_from_defaults(
            {name: study() for name, study in found.items()},
            descriptions={name: sys.modules[study.__module__].__doc__ or "" for name, study in found.items()})
        tyro.cli(choice, args=arguments[1:], prog="python -m studies run").run()
    elif arguments == ["report"]:
        report.write()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ValueError) as error:
        sys.exit(str(error))
