# %% wrong draw
def draw(numbers, z):
    values, vectors = torch.linalg.eigh(torch.cov(numbers.T))
    return numbers.mean(0) + (z * values) @ vectors.T

# %% wrong draw
def draw(numbers, z):
    return numbers.mean(0) + z * numbers.std(0)

# %% wrong draw
def draw(numbers, z):
    values, vectors = torch.linalg.eigh(torch.cov(numbers.T))
    return numbers.mean() + (z * values.clamp(min=0).sqrt()) @ vectors.T

# %% wrong draw
def draw(numbers, z):
    values, vectors = torch.linalg.eigh(torch.cov(numbers.T))
    return numbers.mean(0) + (z * values.clamp(min=0).sqrt()) @ vectors

# %% wrong draw
def draw(numbers, z):
    return torch.distributions.MultivariateNormal(numbers.mean(0), torch.cov(numbers.T)).sample((len(z),))

# %% right draw
def draw(numbers, z):
    return numbers.mean(0) + z @ torch.linalg.cholesky(torch.cov(numbers.T)).T

# %% wrong inuse
def digits_in_use(read):
    share = read.bincount(minlength=10) / len(read)
    return float((-share * share.log()).sum().exp())

# %% wrong inuse
def digits_in_use(read):
    return len(read.unique())

# %% wrong inuse
def digits_in_use(read):
    share = read.bincount(minlength=10) / len(read)
    return float(1 / share.square().sum())

# %% right inuse
def digits_in_use(read):
    _, counts = read.unique(return_counts=True)
    return float(torch.distributions.Categorical(counts.float()).entropy().exp())

# %% wrong inuse
def digits_in_use(read):
    share = read.bincount() / len(read)
    return float(torch.special.entr(share).sum() / torch.tensor(2.0).log())

# %% wrong inuse
def digits_in_use(read):
    share = read.bincount(minlength=10) / len(read)
    return float(torch.special.entr(share).sum())
