#!/bin/sh
# Train on all GPUs of one machine with accelerate:    sh examples/accelerate.sh
# Another recipe: add it, as after `python -m colddiff_nb train`. A stopped training goes on by the same command.
# Several machines: give accelerate --num_machines, --machine_rank, --main_process_ip and one free --main_process_port,
# and add a run folder that all machines see:    --run /shared/run
set -eu
[ $# -gt 0 ] || set -- paper --task deblur --dataset cifar10
exec accelerate launch --multi_gpu --num_processes "${PROCESSES:-$(nvidia-smi --list-gpus | wc -l)}" \
    --main_process_port 0 -m colddiff_nb train "$@"
