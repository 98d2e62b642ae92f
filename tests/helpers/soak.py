"""make soak: kills, faults and odd input for some minutes; results/reliability.json says what was survived.

The same events and cases as in tests/training/test_kills.py and tests/test_fuzz.py, only more of them.
"""
import json
import platform
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import torch
from doors import DOORS, Files, knock
from events import FAULTS, KILLS
from survival import survive

import colddiff_nb

OUTPUT = Path(__file__).resolve().parents[2] / "results" / "reliability.json"
CASES, SEED = 5_500, 0

torch.set_num_threads(1)
began = time.monotonic()
events = [*islice(cycle(KILLS), 50), *islice(cycle(FAULTS), 48)]
with tempfile.TemporaryDirectory() as folder:
    came_true = survive(Path(folder) / "run", events, SEED)
kills, faults = ({event: came_true[event] for event in kind} for kind in (KILLS, FAULTS))
print(f"{sum(kills.values())} kills and {sum(faults.values())} faults in {came_true['trainings']} "
      "trainings: nothing lost", flush=True)
files = Files()
fuzzed = {name: knock(name, CASES // len(DOORS), SEED, files) for name in DOORS}
report = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}  # and what mutants were killed
report |= {
    "kills_survived": sum(kills.values()), "faults_injected": sum(faults.values()),
    "cases_fuzzed": sum(fuzzed.values()),
    "nothing_lost": True,  # or an assertion would have ended this program
    "trainings_equal_bit_for_bit": came_true["trainings"], "kills": kills, "faults": faults,
    "cases": fuzzed, "seed": SEED,
    "versions": {"colddiff_nb": colddiff_nb.__version__, "torch": torch.__version__,
                 "python": platform.python_version(), "system": platform.system()},
    "seconds": round(time.monotonic() - began)}
OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
print(f"wrote {OUTPUT}: {report['cases_fuzzed']} odd inputs at {len(fuzzed)} doors")
