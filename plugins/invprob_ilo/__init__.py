"""Intermediate layer optimization (Daras et al., 2021, arXiv:2102.07364)."""
