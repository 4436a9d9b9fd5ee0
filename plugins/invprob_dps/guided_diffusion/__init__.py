"""U-Nets of guided diffusion (Dhariwal and Nichol, 2021, arXiv:2105.05233)."""
