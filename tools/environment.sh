#!/bin/sh
# Makes .venv with everything in requirements.txt and, editable, the package. An installed torch and torchvision are used as they are.
set -e
said=$($PYTHON -B -c "import colddiff_nb" 2>&1) || { echo "$said" | tail -n 1 >&2; exit 1; }  # no such Python, or the package finds it too old
if $PYTHON -c "import torch, torchvision" 2>/dev/null; then
    $PYTHON -m venv --system-site-packages .venv
    $PYTHON -c "import torch, torchvision; print(f'torch=={torch.__version__}\ntorchvision=={torchvision.__version__}')" > .venv/constraints.txt
    echo "Using the installed PyTorch; installing the rest (about 1 GB) ..."
else
    $PYTHON -m venv .venv
    : > .venv/constraints.txt
    echo "No PyTorch was found: installing it with the rest. On Linux the default build brings CUDA: about 3 GB to download, 6 GB on"
    echo "the disk. Without an NVIDIA GPU a CPU build is smaller: stop here, install one (https://pytorch.org/get-started/locally),"
    echo "and call make again: it will be used."
fi
install="install --quiet --disable-pip-version-check"
.venv/bin/pip $install -c .venv/constraints.txt ${TORCH:-} -r requirements.txt
.venv/bin/pip $install --no-deps --no-build-isolation --editable .
touch .venv/ready
