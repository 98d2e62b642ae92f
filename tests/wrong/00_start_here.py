# %% step
def step_2(x_s, x0_hat, s, D):
    return x_s - D(x0_hat, s - 1) + D(x0_hat, s)


# %% agree
def agree(guess, x_T):
    return x_T
