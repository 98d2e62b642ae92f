# %% wrong writes
def writes(gains, s):
    return gains[s] - gains[s - 1]

# %% wrong writes
def writes(gains, s):
    return 1 - gains[s]

# %% wrong writes
def writes(gains, s):
    return gains[-s - 1] - gains[-s]

# %% wrong writes
def writes(gains, s):
    return gains[s - 1] - gains[s].sum()

# %% right writes
def writes(gains, s):
    return -gains.diff(dim=0)[s - 1]

# %% wrong step_error
def step_error(A, s, guess, x0):
    return A[s - 1] @ (guess - x0)

# %% wrong step_error
def step_error(A, s, guess, x0):
    return (A[s] - A[s - 1]) @ (guess - x0)

# %% wrong step_error
def step_error(A, s, guess, x0):
    return (A[s - 1] - A[s]) @ guess

# %% wrong step_error
def step_error(A, s, guess, x0):
    return guess - x0

# %% right step_error
def step_error(A, s, guess, x0):
    off = guess - x0
    return A[s - 1] @ off - A[s] @ off
