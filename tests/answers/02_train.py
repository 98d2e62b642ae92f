# %% wrong indices
def indices(seed, step, n_images, batch):
    return torch.randint(n_images, (batch,), generator=torch.Generator().manual_seed(seed + step))

# %% wrong indices
def indices(seed, step, n_images, batch):
    torch.manual_seed(seed * 1_000_003 + step)
    return torch.randint(n_images, (batch,))

# %% wrong indices
def indices(seed, step, n_images, batch):
    return torch.randint(n_images, (batch,), generator=torch.Generator().manual_seed((seed << 32) + step))

# %% wrong indices
def indices(seed, step, n_images, batch):
    return torch.randint(n_images, (batch,), generator=torch.Generator().manual_seed(1_000 * seed + step))

# %% right indices
def indices(seed, step, n_images, batch):
    generator = torch.Generator()
    generator.manual_seed(2 ** 20 * seed + step)
    return (torch.rand(batch, generator=generator) * n_images).long()

# %% wrong decay
def decay_of(half_life):
    return 1 - 1 / (2 * half_life)

# %% wrong decay
def decay_of(half_life):
    return 2.718281828 ** (-1 / half_life)

# %% wrong decay
def decay_of(half_life):
    return 0.5 ** half_life

# %% right decay
def decay_of(half_life):
    return 2.0 ** (-1 / half_life)

# %% wrong every
def save_every(save, step, life):
    return life / step / 100

# %% wrong every
def save_every(save, step, life):
    return (save * life) ** 0.5 / step

# %% wrong every
def save_every(save, step, life):
    return (2 * save * life) ** 0.5

# %% right every
def save_every(save, step, life):
    return round((2 * save * life / step ** 2) ** 0.5)
