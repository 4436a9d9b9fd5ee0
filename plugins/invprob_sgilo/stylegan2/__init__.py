"""StyleGAN-2 as a generator in stages."""
