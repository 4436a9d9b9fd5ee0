"""A denoiser of photographs of any size: its network, its prior, and its training."""
