"""make bench: how fast this is, as ratios measured in one run. __main__.py lists the questions."""
