import torch

torch.set_num_threads(1)  # pytest runs on all cores by itself (-n), and one thread keeps results bit for bit the same
