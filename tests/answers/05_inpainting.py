# %% wrong severity
def severity_for(table, radius):
    hidden = (table[:, radius] < 0.5).nonzero()
    return int(hidden[0]) if len(hidden) else None

# %% wrong divide
def divide(x_T, mask):
    return torch.where(mask > 0, x_T / mask, 0.0)

# %% wrong writer
def writer(table, distance):
    return int((table[:-1, distance ** 2] - table[1:, distance ** 2]).argmax())
