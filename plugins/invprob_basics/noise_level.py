"""The level of white noise in a picture, from the smallest variances of its smooth patches.

Patches of a picture without noise lie near a subspace, so beyond it the eigenvalues of their
covariance are those of the noise, σ². The largest are dropped one by one until the mean of the rest
is their median (Chen, Zhu and Heng, An efficient statistical method for image noise level
estimation, ICCV 2015). Fine texture fills all dimensions, so it is done with patches whose
gradients noise of that level explains, again and again (Liu, Tanaka and Okutomi, Single-image noise
level estimation for blind denoising, IEEE Transactions on Image Processing, 2013).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob.errors import BadInput

SIDES = (7, 5, 4, 3, 2)
"""Sides of the patches, in pixels; of those that enough patches are known of, the least level is
taken."""
LEAST_VALUES = {1: 25, 3: 12}
"""The least values of a patch, by channels: of a smaller one, the picture fills all dimensions."""
ENOUGH = 20
"""As many patches for each value of one, at least, so that their covariance is known."""
MOST = 20_000
"""As many patches are looked at."""
QUANTILE = 4.75
"""Of one patch of noise in a million the gradients are larger: a quantile of the normal."""
TURNS, CLOSE = 10, 1e-3
"""At most so many selections of smooth patches; a relative change of the level that ends them."""
ROUNDING = 1 / 255 / 12**0.5
"""The standard deviation of the rounding to 8 bits, in units of [0, 1]: the least estimate."""


def estimate(picture: Tensor, known: Tensor) -> float:
    """Estimate the standard deviation of white noise.

    Args:
        picture: (1 or 3, H, W) in units of [0, 1].
        known: Booleans (H, W): where it was measured.

    Returns:
        σ in units of [0, 1], at least `ROUNDING`.

    Raises:
        BadInput: If too few patches of it are known.
    """
    channels = len(picture)
    # where a picture is clipped, its noise is not seen
    usable = known & ~((picture <= 0) | (picture >= 1)).all(0)
    levels = []
    for side in SIDES:
        values = channels * side * side
        if values >= LEAST_VALUES[channels]:
            patches = _patches(picture, usable, side)
            if len(patches) >= ENOUGH * values:
                levels.append(_of_smooth(patches, channels, side))
    if levels:
        # texture that is taken for noise only adds to it
        return max(min(levels), ROUNDING)
    part = 100 * float(usable.double().mean())
    raise BadInput(
        f"the noise cannot be estimated: {part:.0f} % of {picture.shape[2]}×{picture.shape[1]}"
        " pixels are measured, too few of them side by side",
        "give its level, e.g. --noise gaussian:sigma=0.02",
    )


def _whole(usable: Tensor, side: int) -> Tensor:
    """Where a patch begins that is usable as a whole, (H − side + 1, W − side + 1)."""
    if min(usable.shape) < side:
        return usable.new_zeros((0, 0))
    return F.max_pool2d((~usable)[None].float(), side, 1)[0] == 0


def _patches(picture: Tensor, usable: Tensor, side: int) -> Tensor:
    """Some usable patches, spread evenly, (N, channels · side · side)."""
    rows, columns = _whole(usable, side).nonzero(as_tuple=True)
    if len(rows) > MOST:
        some = torch.linspace(0, len(rows) - 1, MOST, dtype=torch.float64).round().long()
        rows, columns = rows[some], columns[some]
    shifted = [picture[:, rows + i, columns + j] for i in range(side) for j in range(side)]
    return torch.stack(shifted, 1).flatten(0, 1).T.double()


def _of_smooth(patches: Tensor, channels: int, side: int) -> float:
    """The level of the patches whose gradients it explains."""
    level = _level(patches)
    if side < 3:  # central differences need three pixels
        return level
    strength, largest = _gradients(patches, channels, side)
    for _ in range(TURNS):
        smooth = patches[strength <= largest * level**2]
        if len(smooth) < ENOUGH / 2 * patches.shape[1]:
            break
        before, level = level, _level(smooth)
        if abs(level - before) <= CLOSE * before:
            break
    return level


def _gradients(patches: Tensor, channels: int, side: int) -> tuple[Tensor, float]:
    """The squared gradients of each patch, summed, and how large those of unit noise can be."""
    image = patches.reshape(-1, channels, side, side)
    down = (image[:, :, 2:] - image[:, :, :-2]) / 2
    right = (image[..., 2:] - image[..., :-2]) / 2
    strength = down.square().flatten(1).sum(1) + right.square().flatten(1).sum(1)
    eye = torch.eye(side, dtype=torch.float64)
    one = (eye[2:] - eye[:-2]) / 2
    form = torch.kron(one.T @ one, eye) + torch.kron(eye, one.T @ one)
    mean, variance = channels * float(form.trace()), 2 * channels * float((form @ form).trace())
    # a χ² of the same mean and variance; its quantile by Wilson and Hilferty, 1931
    spread = variance / mean**2 / 9
    return strength, mean * (1 - spread + QUANTILE * spread**0.5) ** 3


def _level(patches: Tensor) -> float:
    """The level of the eigenvalues of the covariance that noise explains."""
    centred = patches - patches.mean(0)
    rest = torch.linalg.eigvalsh(centred.T @ centred / len(patches)).clamp_min(0)
    while len(rest) > 1 and float(rest.mean()) > float(rest.quantile(0.5)):
        rest = rest[:-1]
    return float(rest.mean().sqrt())
