# %% wrong step
def step_2(x_s, x0_hat, s, D):
    return x_s - D(x0_hat, s - 1) + D(x0_hat, s)

# %% wrong step
def step_2(x_s, x0_hat, s, D):
    return x_s - D(x0_hat, 1) + D(x0_hat, 0)

# %% wrong step
def step_2(x_s, x0_hat, s, D):
    return x_s - D(x_s, s) + D(x_s, s - 1)

# %% wrong step
def step_2(x_s, x0_hat, s, D):
    return 2 * x_s - D(x_s, 1)

# %% wrong step
def step_2(x_s, x0_hat, s, D):
    return x_s - (D(x0_hat, s) - x0_hat) / s

# %% wrong step
def step_2(x_s, x0_hat, s, D):
    return x_s - D(x0_hat, T) + D(x0_hat, T - 1)

# %% wrong step
def step_2(x_s, x0_hat, s, D):
    return D(x0_hat, s - 1)

# %% right step
def step_2(x_s, x0_hat, s, D):
    return x_s + (D(x0_hat, s - 1) - D(x0_hat, s))

# %% right step
def step_2(x_s, x0_hat, s, D):
    return D(x0_hat, s - 1) - (D(x0_hat, s) - x_s)

# %% right step
def step_2(x_s, x0_hat, s, D):
    return torch.add(x_s, D(x0_hat, s - 1)).sub(D(x=x0_hat, t=s))

# %% right step
def step_2(x_s, x0_hat, s, D):
    return step_1(x_s, x0_hat, s, D) + x_s - D(x0_hat, s)

# %% wrong agree
def agree(guess, x_T):
    return x_T

# %% wrong agree
def agree(guess, x_T):
    return (guess + x_T) / 2

# %% wrong agree
def agree(guess, x_T):
    return guess + (x_T - guess).mean()

# %% right agree
def agree(guess, x_T):
    return guess + degrade(x_T - guess, T)
