"""Where the file of a prior lies."""

from __future__ import annotations

from pathlib import Path

from invprob.errors import BadWeights, Incompatible
from invprob.weights import store
from invprob_sgilo.bundled import BUNDLED


def find(name: str, source: Path | None, stage: int) -> Path:
    """The file of the prior of a stage.

    Args:
        name: A bundled generator, the path of a prior, or ``"auto"``.
        source: The weights file of the generator, if it has one.
        stage: The stage.

    Returns:
        The path; for ``"auto"``, that of the prior beside `source`.

    Raises:
        BadWeights: If there is no such file.
        Incompatible: If `name` is ``"auto"`` and the generator is not from a file.
    """
    if name != "auto":
        source = BUNDLED / f"{name}.safetensors"
        if not source.is_file() or "-score-" in name:
            return store.locate(name, BUNDLED)
    if source is None:
        raise Incompatible(
            "a prior is found by itself only for generators from a weights file",
            f"give one with --prior {stage}=latent-score:weights=FILE",
        )
    path = source.with_name(f"{source.stem}-score-{stage}.safetensors")
    if not path.is_file():
        known = sorted(
            p.stem.rsplit("-", 1)[1] for p in source.parent.glob(f"{source.stem}-score-*")
        )
        raise BadWeights(
            f"no score prior for stage {stage} stands beside {source.name}",
            f"train one: invprob train prior {source} --stage {stage} --out DIR, or choose"
            f" other stages: {', '.join(known) or 'none has one'}",
        )
    return path
