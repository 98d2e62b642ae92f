# %% wrong indices
def indices(seed, step, n_images, batch):
    return torch.randint(n_images, (batch,), generator=torch.Generator().manual_seed(seed + step))

# %% wrong decay
def decay_of(half_life):
    return 1 - 1 / (2 * half_life)

# %% wrong every
def save_every(save, step, life):
    return life / step / 100
