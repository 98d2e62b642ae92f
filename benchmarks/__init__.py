"""make bench: how fast this is, as ratios measured in one run. One file for each question; __main__.py asks
them in turn."""
