"""A training that is killed, starved, damaged and interrupted ends bit for bit as one that ran through. make soak does it at length."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from events import FAULTS, KILLS

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SETS = {
    "kills": ["at any time", "before a save", "in a half-written file", "after a rename", "between optimiser and EMA"],
    "faults": [fault for fault in FAULTS if fault not in ("read-only", "a flipped bit", "emptied")],
}


@pytest.mark.parametrize("name", SETS)
def test_nothing_is_lost(name, tmp_path):
    """In a process of its own, so that it forks without pytest's threads."""
    ran = subprocess.run([sys.executable, ROOT / "tests/helpers/survival.py", tmp_path / "run", "7", *SETS[name]], capture_output=True, text=True,
                         timeout=300, env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
    assert ran.returncode == 0, ran.stderr
    came_true = json.loads(ran.stdout.splitlines()[-1])
    assert set(SETS[name]) <= set(came_true) and set(SETS[name]) <= {*KILLS, *FAULTS}
