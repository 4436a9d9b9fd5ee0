"""Trace plots: every chain has a name, and functionals are explained."""

import torch

from invprob.analysis.diagnostics import diagnose
from invprob.analysis.draws import Drawn
from invprob.plots import traces


def test_chains_are_named_and_functionals_explained():
    rng = torch.Generator().manual_seed(0)
    values = torch.randn(1, 3, 25, 2, generator=rng)
    names = ("brightness.0", "latent.w.1")
    kept, images = torch.arange(2), torch.rand(1, 3, 2, 1, 4, 4, generator=rng)
    drawn = Drawn(names, torch.arange(25), values, kept, images)
    rows = [{"chain": k, "step": s, "chi2": 1.0 + k} for k in range(3) for s in range(3)]
    page = traces._page(["photo"], 3, rows, drawn, [diagnose(values[0], names)])
    (legend,) = page.legends
    assert [text.get_text() for text in legend.get_texts()] == ["chain 1", "chain 2", "chain 3"]
    assert "random projections" in page.get_supxlabel()
    alone = traces._page(["photo"], 1, rows[:3], None, [])
    assert not alone.legends
    assert alone.get_supxlabel() == ""
