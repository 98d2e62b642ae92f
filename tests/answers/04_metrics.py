# %% wrong one_root
def one_root(batches):
    return sum(float((x - x0).square().mean().sqrt()) for x, x0 in batches) / len(batches)

# %% wrong frechet
def frechet_1d(a, b):
    return float((a.mean() - b.mean()) ** 2)

# %% wrong comparable
def differing(a, b):
    return sorted(name for name in a if name in b and a[name] != b[name])
