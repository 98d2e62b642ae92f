"""make soak: kills, faults and odd input for some minutes; results/reliability.json says what was survived.

The same events and cases as in tests/training/test_kills.py and tests/test_fuzz.py, only more of them, from
a seed that is kept.
"""
from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path

import torch
from doors import DOORS, Files, knock
from events import FAULTS, KILLS
from survival import survive

import colddiff_nb

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--faults", type=int, default=48)
    parser.add_argument("--cases", type=int, default=5_500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=ROOT / "results" / "reliability.json")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    events = [(KILLS * chosen.kills)[i]
              for i in range(chosen.kills)] + [(FAULTS * chosen.faults)[i] for i in range(chosen.faults)]
    with tempfile.TemporaryDirectory() as folder:
        came_true = survive(Path(folder) / "run", events, chosen.seed)
    kills = {event: came_true[event] for event in KILLS}
    faults = {event: came_true[event] for event in FAULTS}
    print(f"{sum(kills.values())} kills and {sum(faults.values())} faults in {came_true['trainings']} "
          "trainings: nothing lost", flush=True)
    files, fuzzed = Files(), {}
    for name in DOORS:
        fuzzed[name] = knock(name, chosen.cases // len(DOORS), chosen.seed, files)
        print(f"{name}: {fuzzed[name]} cases", flush=True)
    report = {
        "kills_survived": sum(kills.values()), "faults_injected": sum(faults.values()),
        "cases_fuzzed": sum(fuzzed.values()),
        "nothing_lost": True,  # or an assertion would have ended this program
        "trainings_equal_bit_for_bit": came_true["trainings"], "kills": kills, "faults": faults,
        "cases": fuzzed, "seed": chosen.seed,
        "versions": {"colddiff_nb": colddiff_nb.__version__, "torch": torch.__version__,
                     "python": platform.python_version(),
                     "system": platform.system()},
        "seconds": round(time.monotonic() - began)}
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    # The file holds what the mutation tester found, too.
    before = json.loads(chosen.output.read_text()) if chosen.output.exists() else {}
    chosen.output.write_text(json.dumps(before | report, indent=1) + "\n")
    print(f"wrote {chosen.output}")


if __name__ == "__main__":
    main()
