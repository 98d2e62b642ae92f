#!/bin/sh
# Train on all GPUs of one machine with torchrun, which is python -m torch.distributed.run:    sh examples/torchrun.sh
# Another recipe: add it, as after `python -m colddiff_nb train`. A stopped training goes on by the same command.
# The -- is needed: without it torchrun takes --run for an option of its own.
set -eu
[ $# -gt 0 ] || set -- paper --task deblur --dataset cifar10
exec python -m torch.distributed.run --standalone --nproc_per_node "${PROCESSES:-gpu}" -m -- colddiff_nb train "$@"
