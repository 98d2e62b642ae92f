# %% wrong pixelate
def pixelate(n, block):
    number = torch.arange(n) // block
    return (number[:, None] == number[None]).double()

# %% wrong pixelate
def pixelate(n, block):
    number = torch.arange(32) // block
    return (number[:, None] == number[None]).double() / block

# %% wrong pixelate
def pixelate(n, block):
    near = (torch.arange(n)[:, None] - torch.arange(n)[None]).abs() <= block // 2
    return near / near.sum(1, keepdim=True)

# %% right pixelate
def pixelate(n, block):
    return torch.kron(torch.eye(n // block), torch.full((block, block), 1 / block))

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
