"""The published moments of Gaussian codes, `gaussian_fit.pt` of ILO and SGILO."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from invprob.converter import Converted, Converter, Rule, renamed
from invprob.errors import BadWeights
from invprob_sgilo.stylegan2.gaussian_codes import KIND


class GaussianFit(Converter):
    """Reads `gaussian_fit.pt`, a dictionary of `mean` and `std`."""

    def recognise(self, tree: Any) -> bool:
        return isinstance(tree, dict) and set(tree) == {"mean", "std"}

    def convert(self, tree: Any) -> Converted:
        mean = tree["mean"]
        channels = len(mean) if isinstance(mean, Tensor) and mean.dim() == 1 else 0
        what = f"Gaussian fit of {channels} code channels"
        tensors = renamed([Rule(k, (channels,), k) for k in ("mean", "std")], tree, what)
        if not channels or not bool((tensors["std"] > 0).all()):
            raise BadWeights("there is no std, or one that is not positive", "")
        return Converted(what, tensors, {"kind": KIND})
