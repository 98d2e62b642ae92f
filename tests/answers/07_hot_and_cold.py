# %% wrong seen
def project_at(self, x0_hat, x_t, t, order, measurement_precision):
    return torch.where(order > 15 / 16 * t / self.T, x0_hat, x_t)

# %% wrong seen
def project_at(self, x0_hat, x_t, t, order, measurement_precision):
    return torch.where(x_t != 0, x_t, x0_hat)

# %% wrong seen
def project_at(self, x0_hat, x_t, t, order, measurement_precision):
    return torch.where(order > 15 / 16, x_t, x0_hat)

# %% wrong seen
def project_at(self, x0_hat, x_t, t, order, measurement_precision):
    return (x0_hat + x_t) / 2

# %% right seen
def project_at(self, x0_hat, x_t, t, order, measurement_precision):
    gone = (order <= 15 / 16 * t / self.T).float()
    return x_t * (1 - gone) + x0_hat * gone

# %% wrong sound
def coarser(x, t):
    return x.unflatten(-1, (-1, 2 ** t)).mean(-1)

# %% wrong sound
def coarser(x, t):
    return x[..., ::2 ** t].repeat_interleave(2 ** t, -1)

# %% wrong sound
def coarser(x, t):
    return x if t == 0 else x.unflatten(-1, (-1, 8)).mean(-1).repeat_interleave(8, -1)

# %% right sound
def coarser(x, t):
    pooled = torch.nn.functional.avg_pool1d(x.flatten(1, 2), 2 ** t)
    return torch.nn.functional.interpolate(pooled, scale_factor=2 ** t).view_as(x)
