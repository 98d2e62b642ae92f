# %% wrong one_root
def one_root(batches):
    return sum(float((x - x0).square().mean().sqrt()) for x, x0 in batches) / len(batches)

# %% wrong one_root
def one_root(batches):
    return (sum(float((x - x0).square().mean()) for x, x0 in batches) / len(batches)) ** 0.5

# %% wrong one_root
def one_root(batches):
    return sum(float((x - x0).square().sum()) for x, x0 in batches) / sum(x.numel() for x, _ in batches)

# %% wrong one_root
def one_root(batches):
    return (sum(float((x - x0).square().sum()) for x, x0 in batches) / sum(len(x) for x, _ in batches)) ** 0.5

# %% right one_root
def one_root(batches):
    x, x0 = (torch.cat(images) for images in zip(*batches))
    return (x - x0).square().mean().sqrt()

# %% wrong frechet
def frechet_1d(a, b):
    return float((a.mean() - b.mean()) ** 2)

# %% wrong frechet
def frechet_1d(a, b):
    return float((a.mean() - b.mean()) ** 2 + a.var() + b.var())

# %% wrong frechet
def frechet_1d(a, b):
    return float((a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2) ** 0.5

# %% wrong frechet
def frechet_1d(a, b):
    return float((a.mean() - b.mean()) ** 2 + (a.var() - b.var()) ** 2)

# %% right frechet
def frechet_1d(a, b):
    return (a.mean() - b.mean()) ** 2 + a.var() + b.var() - 2 * (a.var() * b.var()).sqrt()
