# %% wrong loss
def loss_of(R, D, x0, t):
    return (R(D(x0, t), t) - D(x0, t)).abs().mean()

# %% wrong loss
def loss_of(R, D, x0, t):
    return (R(D(x0, t), t) - x0).square().mean()

# %% wrong loss
def loss_of(R, D, x0, t):
    return (R(x0, t) - x0).abs().mean()

# %% wrong loss
def loss_of(R, D, x0, t):
    return torch.nn.functional.l1_loss(R(D(x0, t), t), x0, reduction="sum")

# %% wrong loss
def loss_of(R, D, x0, t):
    return (R(D(x0, t), t) - x0).mean().abs()

# %% wrong loss
def loss_of(R, D, x0, t):
    return (R(D(x0, t), t.max().expand(len(t))) - x0).abs().mean()

# %% wrong loss
def loss_of(R, D, x0, t):
    return (R(D(x0, t), t - 1) - x0).abs().mean()

# %% right loss
def loss_of(R, D, x0, t):
    return torch.nn.functional.l1_loss(R(D(x0, t), t), x0)

# %% wrong share
def share_of(t, T, p):
    return p if t == T else (1 - p) / T

# %% wrong share
def share_of(t, T, p):
    return p if t == T else (1 - p) / (T - 1)

# %% wrong share
def share_of(t, T, p):
    return (1 - p) / (T + 1) + p * (t == T)

# %% wrong share
def share_of(t, T, p):
    return 1 / T

# %% right share
def share_of(t, T, p):
    even = (1 - p) / T
    return p + even if t == T else even
