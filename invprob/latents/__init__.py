"""Latents of a staged generator: drawn, inverted, generated from."""
