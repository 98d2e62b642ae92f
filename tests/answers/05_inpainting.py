# %% wrong divide
def divide(x_T, mask):
    return torch.where(mask > 0, x_T / mask, 0.0)

# %% wrong divide
def divide(x_T, mask):
    return x_T / mask

# %% wrong divide
def divide(x_T, mask):
    return x_T / (mask + 0.001) * (mask > 0.05)

# %% right divide
def divide(x_T, mask):
    seen = mask > 0.05
    x = torch.zeros_like(x_T)
    x[seen] = x_T[seen] / mask[seen]
    return x

# %% wrong writer
def writer(table, distance):
    return int((table[:-1, distance ** 2] - table[1:, distance ** 2]).argmax())

# %% wrong writer
def writer(table, distance):
    return int((table[:-1, distance] - table[1:, distance]).argmax()) + 1

# %% wrong writer
def writer(table, distance):
    return int((table[1:, distance ** 2] - table[:-1, distance ** 2]).argmax()) + 1

# %% right writer
def writer(table, distance):
    return max(range(1, len(table)), key=lambda s: table[s - 1, distance ** 2] - table[s, distance ** 2])
