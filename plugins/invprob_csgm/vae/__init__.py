"""A variational autoencoder: its decoder is the generator of the paper of CSGM."""
