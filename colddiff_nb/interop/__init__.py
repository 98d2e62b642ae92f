"""Thin adapters to other libraries: torch.hub and the Hugging Face Hub, deepinv, diffusers.

Each module needs the library it is named after. Nothing else in the package imports this room.
"""
