"""Every component passes the conformance kit."""

from __future__ import annotations

from invprob.testing import conformance

MODULES = [("deepinv", "invprob_deepinv.plugin", "invprob-deepinv")]

test_conformance = conformance("deepinv", modules=MODULES)
