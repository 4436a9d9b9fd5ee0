"""Every component passes the conformance kit."""

from __future__ import annotations

from invprob.testing import conformance

MODULES = [
    ("deepinv", "invprob_deepinv.plugin", "invprob-deepinv"),
    ("pnp", "invprob_pnp.plugin", "invprob"),  # whose denoiser is among the defaults
]

test_conformance = conformance("deepinv", modules=MODULES)
