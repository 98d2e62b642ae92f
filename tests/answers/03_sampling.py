# %% wrong between
def between(x_s, x0_hat, s, D, keep):
    return (1 - keep) * D(x0_hat, s - 1) + keep * x_s

# %% wrong stop
def stop_early(trajectory, k):
    return trajectory.x[k]

# %% wrong largest
def largest_step(trajectory):
    changes = [float((after - before).mean()) for before, after in zip(trajectory.x, trajectory.x[1:])]
    return trajectory.severities[changes.index(max(changes))]
