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
