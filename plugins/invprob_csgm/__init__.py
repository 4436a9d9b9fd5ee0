"""Compressed sensing with generative models (Bora et al., 2017, arXiv:1703.03208)."""
