"""Training of pixel diffusion models."""
