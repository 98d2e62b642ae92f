"""Cold diffusion in notebooks: restoring images from blur, pixelation and masks without noise (Bansal et al., 2022)."""

__version__ = "0.1.0"
