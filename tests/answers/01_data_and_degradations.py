# %% wrong count
def count(A, half_step):
    return int((torch.linalg.svdvals(A) > half_step).sum())

# %% wrong count
def count(A, half_step):
    values = torch.linalg.eigvals(A).abs()
    return int((torch.outer(values, values) > half_step).sum())

# %% wrong count
def count(A, half_step):
    return int((torch.linalg.svdvals(A) > half_step).sum() ** 2)

# %% right count
def count(A, half_step):
    return (torch.linalg.svdvals(torch.kron(A, A)) > half_step).sum()

# %% wrong curtain
def curtain(x0, t):
    x = x0.clone()
    x[..., -t:] = 0
    return x

# %% wrong curtain
def curtain(x0, t):
    x = x0.clone()
    x[..., 32 - t:, :] = 0
    return x

# %% wrong curtain
def curtain(x0, t):
    x0[..., 32 - t:] = 0
    return x0

# %% right curtain
def curtain(x0, t):
    return torch.nn.functional.pad(x0[..., :32 - t], (0, t))
