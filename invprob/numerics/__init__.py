"""Pure functions on trees of tensors: linear algebra, optimisers, MCMC."""
