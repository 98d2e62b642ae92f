# %% wrong writes
def writes(gains, s):
    return gains[s] - gains[s - 1]

# %% wrong writes
def writes(gains, s):
    return 1 - gains[s]

# %% wrong writes
def writes(gains, s):
    return gains[-s - 1] - gains[-s]

# %% right writes
def writes(gains, s):
    return -gains.diff(dim=0)[s - 1]

# %% wrong schedule
def schedule(share, calls):
    T = len(share)
    return [T, *range(calls - 1, 0, -1)]

# %% wrong schedule
def schedule(share, calls):
    return sorted(range(1, len(share) + 1), key=lambda s: share[s - 1])[:-calls - 1:-1]

# %% wrong schedule
def schedule(share, calls):
    return [round(len(share) * (1 - k / calls)) for k in range(calls)]

# %% wrong schedule
def schedule(share, calls):
    T = len(share)
    return list(range(T, T - calls, -1))

# %% right schedule
def schedule(share, calls):
    order = torch.tensor(share[:-1], dtype=torch.float64).argsort(descending=True)[:calls - 1] + 1
    return [len(share), *sorted(order.tolist(), reverse=True)]

# %% wrong project
def project(x0_hat, x_T, D):
    return x_T

# %% wrong project
def project(x0_hat, x_T, D):
    return x0_hat + x_T - D(x0_hat, 2)

# %% wrong project
def project(x0_hat, x_T, D):
    return (x0_hat + x_T) / 2

# %% right project
def project(x0_hat, x_T, D):
    return x0_hat + D(x_T - x0_hat, 3)
