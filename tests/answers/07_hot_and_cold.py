# %% wrong missing
def apply_at(self, x0, t, order):
    return x0 * (torch.rand_like(order) >= t.view(-1, 1, 1, 1) / self.T)

# %% wrong missing
def apply_at(self, x0, t, order):
    return x0 * (order >= t[:1] / self.T)

# %% wrong missing
def apply_at(self, x0, t, order):
    return x0 * (order >= t / self.T)

# %% wrong missing
def apply_at(self, x0, t, order):
    return torch.where(order >= t.view(-1, 1, 1, 1) / self.T, x0, -1.0)

# %% wrong missing
def apply_at(self, x0, t, order):
    return x0 * (order < t.view(-1, 1, 1, 1) / self.T)

# %% wrong missing
def apply_at(self, x0, t, order):
    return x0 * (order >= self.share(t, x0) / self.T)

# %% right missing
def apply_at(self, x0, t, order):
    return x0.masked_fill(order < self.share(t, x0), 0)

# %% wrong sound
def coarser(x, t):
    return x.unflatten(-1, (-1, 2 ** t)).mean(-1)

# %% wrong sound
def coarser(x, t):
    return x[..., ::2 ** t].repeat_interleave(2 ** t, -1)

# %% wrong sound
def coarser(x, t):
    return x if t == 0 else x.unflatten(-1, (-1, 8)).mean(-1).repeat_interleave(8, -1)

# %% wrong sound
def coarser(x, t):
    return torch.nn.functional.avg_pool1d(x.flatten(1, 2), 2 ** t + 1, 1, 2 ** t // 2).view(*x.shape[:3], -1)[..., :x.shape[-1]]

# %% right sound
def coarser(x, t):
    pooled = torch.nn.functional.avg_pool1d(x.flatten(1, 2), 2 ** t)
    return torch.nn.functional.interpolate(pooled, scale_factor=2 ** t).view_as(x)
