"""The theory of SGILO, measured: random networks, descent with a sign check, coupled Langevin."""
