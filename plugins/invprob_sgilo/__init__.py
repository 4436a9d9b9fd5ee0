"""Score-guided intermediate layer optimization (Daras et al., 2022, arXiv:2206.09104)."""
