"""Gaussian distributions over images: in factors, fitted to pictures, given a measurement."""
