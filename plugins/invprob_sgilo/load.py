"""Generators and priors from weights files, bundled or the user's own."""

from __future__ import annotations

from pathlib import Path

from invprob import rounds, weights
from invprob.errors import BadWeights
from invprob.generator import Generator
from invprob_sgilo.latent_score import LatentScore
from invprob_sgilo.params import LatentScoreParams, StyleGAN2Params
from invprob_sgilo.stylegan2 import StyleGAN2
from invprob_sgilo.stylegan2_file import load_weights
from invprob_sgilo.prior_file import read_prior

BUNDLED = Path(__file__).parent / "weights"
