# %% wrong draw
def draw(numbers, z):
    values, vectors = torch.linalg.eigh(torch.cov(numbers.T))
    return numbers.mean(0) + (z * values) @ vectors.T

# %% wrong inuse
def digits_in_use(read):
    share = read.bincount(minlength=10) / len(read)
    return float(-(share * share.log()).sum().exp())
