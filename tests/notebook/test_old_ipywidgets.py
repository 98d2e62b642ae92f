"""The tests of explorer and flipbook once more under ipywidgets 7.7, the version of Colab, put in front of the installed one."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]
VERSION = "7.7.1"
TESTS = ["tests/notebook/test_explorer.py", "tests/notebook/test_flipbook.py"]
RUN = f"import ipywidgets, pytest; assert ipywidgets.__version__ == '{VERSION}'; raise SystemExit(pytest.main(['-q', *{TESTS}]))"


@pytest.mark.slow
def test_widgets_under_old_ipywidgets(tmp_path):
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--retries", "0", "--timeout", "10",
               "--target", str(tmp_path), f"ipywidgets=={VERSION}", "ipython_genutils"]
    fetched = subprocess.run(install, capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(f"pip could not fetch ipywidgets {VERSION}: {(fetched.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", RUN], cwd=HOME, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
