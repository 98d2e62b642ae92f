# %% wrong between
def between(x_s, x0_hat, s, D, keep):
    return (1 - keep) * D(x0_hat, s - 1) + keep * x_s

# %% wrong between
def between(x_s, x0_hat, s, D, keep):
    return (1 - keep) * D(x0_hat, s - 1) + keep * (x_s + D(x0_hat, s))

# %% wrong between
def between(x_s, x0_hat, s, D, keep):
    return x_s - D(x0_hat, s) + D(x0_hat, s - 1)

# %% right between
def between(x_s, x0_hat, s, D, keep):
    return (1 - keep) * D(x0_hat, s - 1) + keep * (x_s - D(x0_hat, s) + D(x0_hat, s - 1))

# %% wrong stop
def stop_early(trajectory, k):
    return trajectory.x[k]

# %% wrong stop
def stop_early(trajectory, k):
    return trajectory.x0_hat[k]

# %% wrong stop
def stop_early(trajectory, k):
    return trajectory.x0_hat[min(k, len(trajectory.x0_hat) - 1)]

# %% right stop
def stop_early(trajectory, k):
    return [*trajectory.x0_hat, trajectory.x[-1]][k]

# %% wrong largest
def largest_step(trajectory):
    changes = [float((after - before).mean()) for before, after in zip(trajectory.x, trajectory.x[1:])]
    return trajectory.severities[changes.index(max(changes))]

# %% wrong largest
def largest_step(trajectory):
    changes = [float((after - before).abs().max()) for before, after in zip(trajectory.x, trajectory.x[1:])]
    return trajectory.severities[changes.index(max(changes))]

# %% wrong largest
def largest_step(trajectory):
    changes = [float((after - before).abs().mean()) for before, after in zip(trajectory.x, trajectory.x[1:])]
    return trajectory.severities[changes.index(max(changes))]

# %% wrong largest
def largest_step(trajectory):
    sizes = [float(x.square().mean().sqrt()) for x in trajectory.x]
    changes = [abs(after - before) for before, after in zip(sizes, sizes[1:])]
    return trajectory.severities[changes.index(max(changes))]

# %% right largest
def largest_step(trajectory):
    return max(zip(trajectory.severities, trajectory.x, trajectory.x[1:]), key=lambda step: (step[2] - step[1]).norm())[0]
