"""Tests of calibration: solvers that say they sample, on tasks whose posterior is known.

`invprob check NAME --posterior`. Every reference task has a Gaussian mixture as prior, a linear map
to the image and Gaussian noise, so the posterior is a mixture again, with weights, means and
covariance in closed form. A solver reconstructs many simulated measurements with independent
chains; the truths and the last samples are then compared.
"""
