"""Importing the package is quick because it imports nothing heavy before that is used."""
import io
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ["matplotlib", "pandas", "torchmetrics", "accelerate", "skimage", "mlxtend", "scipy", "ipywidgets", "IPython", "torchvision"]
SHOWING = ("explorer", "flipbook", "figures", "pictures", "demo")  # nothing without ipywidgets or matplotlib


def test_no_module_but_widgets_and_figures_imports_anything_heavy():
    package = ROOT / "colddiff_nb"
    modules = sorted(".".join(path.relative_to(package).with_suffix("").parts) for path in package.rglob("*.py")
                     if path.stem != "__init__")
    modules = [name for name in modules if name.removeprefix("notebook.") not in SHOWING and not name.startswith("interop.")]  # those need their library
    assert {"training.loop", "sampling", "degradations.tasks", "weights.pretrained"} <= set(modules)
    program = "import importlib, sys, colddiff_nb\n" \
              f"for name in {modules!r}:\n" \
              "    importlib.import_module('colddiff_nb.' + name)\n" \
              f"    print(name, *(heavy for heavy in {HEAVY!r} if heavy in sys.modules))"
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout.split("\n")[:-1] == modules  # a name and what had been imported by then


def test_the_package_offers_a_dozen_names_and_needs_no_torch_until_then():
    program = "import sys, colddiff_nb\nassert 'torch' not in sys.modules\nfrom colddiff_nb import *\n" \
              "print(load_pretrained('superres', 'mnist')[1].T, hasattr(colddiff_nb, 'load_pretraned'), *colddiff_nb.__all__)\n" \
              "assert all(callable(globals()[name]) and name in dir(colddiff_nb) for name in colddiff_nb.__all__)"
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    names = "load to_float make direct algorithm1 algorithm2 recipe train evaluate load_pretrained rmse ssim"
    assert finished.stdout == f"3 False {names}\n"


def test_the_algorithms_fit_on_two_screens():
    assert len((ROOT / "colddiff_nb" / "sampling.py").read_text().splitlines()) < 100


def test_a_terminal_is_told_that_a_command_starts_before_torch_is_imported(monkeypatch):
    from colddiff_nb import __main__

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    assert __main__.main(["report"]) == 0 and sys.stderr.getvalue() == "starting ...\r\033[K"
    program = "import sys, colddiff_nb.__main__\nprint('torch' in sys.modules, 'tyro' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout == "False False\n"
