# %% wrong seen
def project_at(self, x0_hat, x_t, t, order, measurement):
    return torch.where(order > 15 / 16 * t / self.T, x0_hat, x_t)

# %% wrong sound
def coarser(x, t):
    return x.unflatten(-1, (-1, 2 ** t)).mean(-1)
