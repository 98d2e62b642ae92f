# %% wrong pixelate
def pixelate(n, block):
    number = torch.arange(n) // block
    return (number[:, None] == number[None]).double()

# %% wrong count
def count(A, finest):
    return int((torch.linalg.svdvals(A) > finest).sum())

# %% wrong curtain
def curtain(x0, t):
    x = x0.clone()
    x[..., -t:] = 0
    return x
