"""What `python -m colddiff_nb` offers: a file each for commands that belong together."""
