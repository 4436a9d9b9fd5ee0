"""The restored picture, at full size and in the depth of what was measured."""

from __future__ import annotations

import torch
from torch import Tensor

from invprob.config.experiment import ResolvedExperiment
from invprob.errors import BadInput
from invprob.io.collection import ImageFile
from invprob.operator import Operator, measured_pixels
from invprob.runs.in_memory import Picture

DEPTHS = {8: 255, 16: 65535}
"""White of each depth, in bits."""


def picture(mean: Tensor, y: Tensor, A: Operator, keep: bool) -> Tensor:
    """Put measured pixels into reconstructions.

    Args:
        mean: Reconstructions (B, C, H, W).
        y: The measurements, (B, *out_shape), on the CPU.
        A: The operator.
        keep: Whether measured pixels are kept; they are those of `measured_pixels`, then.

    Returns:
        The pictures, (B, C, H, W).
    """
    kept = measured_pixels(A) if keep else None
    if kept is None:
        return mean
    tensors = [*A.parameters(), *A.buffers()]
    with torch.no_grad():
        own = A.adjoint(y.to(tensors[0].device) if tensors else y).cpu()  # type: ignore[operator]
    return torch.where(kept, own, mean)


def depth(y: Tensor, channels: int) -> int:
    """Tell in how many bits a restored picture is written.

    Args:
        y: Measurements.
        channels: Those of the picture; only grey ones have 16 bits.

    Returns:
        16 where the measurement has 16 bits and not 8, else 8.
    """
    return 16 if channels == 1 and _has(y, 16) and not _has(y, 8) else 8


def check(
    experiment: ResolvedExperiment, A: Operator, y: Tensor, file: ImageFile | Picture | None = None
) -> None:
    """Refuse to keep measured pixels where a picture cannot hold them as they are.

    Args:
        experiment: What asks for it, or does not.
        A: The operator with its noise.
        y: The measurements.
        file: The picture that they were read from, if it is one.

    Raises:
        BadInput: If there is noise, or the measurement is not pixels, or not those of the file.
    """
    if not experiment.keep_measured:
        return
    kept = measured_pixels(A)
    if not A.noise.exact:
        what = f"the measurement has noise, {experiment.noise}"
        hint = "leave out --noise, or --keep-measured: with noise, measured pixels are denoised"
    elif kept is None:
        chain = ", then ".join(spec.name for spec in experiment.operator)
        what = f"{chain} does not measure single pixels"
        hint = "measured pixels are those of identity and inpaint; leave out --keep-measured"
    elif experiment.resize:
        what, hint = "resized pixels are not those of the file", "leave out --resize"
    elif file is not None and file.is_reduced():
        what = f"{file.name} has colours of 16 bits, of which 8 are read"
        hint = "save it with 8 bits, or as 16-bit grey"
    elif not (_has(y, 8) or (len(kept) == 1 and _has(y, 16))):
        what, hint = "the measurement has finer steps than a picture", "leave out --keep-measured"
    else:
        return
    raise BadInput(f"measured pixels cannot be kept: {what}", hint)


def _has(y: Tensor, bits: int) -> bool:
    """Whether all numbers are those of a picture of so many bits."""
    levels = y.double() * DEPTHS[bits]
    return bool(((levels - levels.round()).abs() < 0.02).all())
