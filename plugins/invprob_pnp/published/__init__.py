"""Denoisers that others published: FFDNet, DRUNet and the bias-free CNN."""
