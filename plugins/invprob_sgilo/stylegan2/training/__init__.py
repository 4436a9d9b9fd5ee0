"""Adversarial training of StyleGAN-2."""
