"""Files that others published: StyleGAN-2 checkpoints, score networks of SGILO."""
