# %% wrong writes
def writes(gains, s):
    return gains[s] - gains[s - 1]

# %% wrong schedule
def schedule(share, calls):
    T = len(share)
    return [T, *range(calls - 1, 0, -1)]

# %% wrong project
def project(x0_hat, x_T, D):
    return x_T
