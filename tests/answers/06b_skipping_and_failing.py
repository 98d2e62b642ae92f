# %% wrong schedule
def schedule(share, calls):
    T = len(share)
    return [T, *range(calls - 1, 0, -1)]

# %% wrong schedule
def schedule(share, calls):
    return sorted(range(1, len(share) + 1), key=lambda s: share[s - 1])[:-calls - 1:-1]

# %% wrong schedule
def schedule(share, calls):
    return [round(len(share) * (1 - k / calls)) for k in range(calls)]

# %% wrong schedule
def schedule(share, calls):
    T = len(share)
    return list(range(T, T - calls, -1))

# %% right schedule
def schedule(share, calls):
    order = torch.tensor(share[:-1], dtype=torch.float64).argsort(descending=True)[:calls - 1] + 1
    return [len(share), *sorted(order.tolist(), reverse=True)]

# %% wrong one_basis
def one_basis(steps):
    return True

# %% wrong one_basis
def one_basis(steps):
    return all(torch.allclose(step, torch.diag(step.diag())) for step in steps)

# %% wrong one_basis
def one_basis(steps):
    return all(torch.allclose(a @ b, b @ a) for a in steps for b in steps)

# %% wrong one_basis
def one_basis(steps):
    A = [steps[0]]
    for step in steps[1:]:
        A.append(step @ A[-1])
    return all(torch.allclose(a @ b, b @ a) for a, b in zip(A, A[1:]))

# %% right one_basis
def one_basis(steps):
    A = [torch.eye(len(steps[0])).to(steps[0])]
    for step in steps:
        A.append(step @ A[-1])
    return not any((a @ b - b @ a).abs().max() > 1e-6 for a in A for b in A)
