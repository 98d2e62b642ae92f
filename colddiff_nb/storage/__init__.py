"""What must survive: atomic files, the lock of a folder, checkpoints, weights; and the machine with its precision."""
