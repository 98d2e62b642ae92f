#!/bin/bash
# Train on a SLURM cluster:    sbatch examples/slurm.sh paper --task deblur --dataset cifar10 --run /shared/run
# A checkpoint is saved before the time is up and when the job is preempted. The job then queues itself again and goes on.
#SBATCH --job-name=colddiff
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append

MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
export MASTER_ADDR MASTER_PORT
trap : TERM # this shell outlives the signal, to queue the job again

# One process a GPU, without a launcher in between: the signal reaches the training, which saves and exits with 143.
srun --kill-on-bad-exit=0 bash -c 'RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID WORLD_SIZE=$SLURM_NTASKS \
    exec python -m colddiff_nb train "$@"' train "$@"
status=$?
if [ $status -eq 143 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $status
