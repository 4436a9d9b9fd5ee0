"""Diffusion posterior sampling (Chung et al., 2023, arXiv:2209.14687)."""
