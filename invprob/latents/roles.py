"""What the leaves of a latent are, as its class declares in `Latent.roles`."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from invprob import tree
from invprob.generator import Role
from invprob.tree import Tree, X


def of_leaves(x: Tree) -> list[Role]:
    """Tell codes from features and noise maps.

    Args:
        x: A latent. One that is a bare tensor counts as a code.

    Returns:
        The role of each leaf, in the order of `tree.leaves`; ``"features"`` where none is declared.
    """
    if isinstance(x, Tensor):
        return ["codes"]
    declared = getattr(x, "roles", {})
    return [declared.get(name.partition(".")[0], "features") for name, _ in tree.items(x)]


def map(f: Callable[..., Tensor], x: X, *others: Tree) -> X:
    """Apply a function that needs to know the role, leaf by leaf.

    Args:
        f: Called as ``f(role, leaf, *leaves)``.
        x: A latent.
        others: Trees of the same structure, whose leaves follow that of x.

    Returns:
        The latent of what f returns.
    """
    columns = [tree.leaves(part) for part in (x, *others)]
    pairs = zip(of_leaves(x), *columns, strict=True)
    return tree.unflatten(x, [f(role, *leaves) for role, *leaves in pairs])
