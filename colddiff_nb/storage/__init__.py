"""What must survive: atomic files, locks, checkpoints, weights; and the machine with its precision."""
