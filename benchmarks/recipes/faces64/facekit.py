"""Read the ICT-FaceKit morphable model: a neutral mesh and what each shape adds to it.

    python facekit.py CHECKOUT ict_facekit_f16.npz

turns a checkout of https://github.com/ICT-VGL/ICT-FaceKit (MIT licence) into one file of
some 27 MB, which `render_faces.py` reads in a second. The file holds, for n vertices and t
triangles,

    N    (n, 3)       float32   the neutral mesh, in centimetres
    T    (t, 3)       int64     triangles, as indices of vertices
    ID   (100, n, 3)  float16   what a unit of each identity component adds to N
    EX   (e, n, 3)    float16   what each expression adds to N
    exn  (e,)         str       the names of the expressions
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np

NEUTRAL = "generic_neutral_mesh.obj"
ARRAYS = ("N", "T", "ID", "EX", "exn")
NPZ = "ict_facekit_f16.npz"


def load(path: Path) -> dict[str, Any]:
    """The arrays above, from the .npz file, a folder that holds it, or a checkout.

    Raises `FileNotFoundError` or `ValueError` with a sentence that says what is wrong.
    """
    if path.is_dir() and (path / NPZ).is_file():
        path = path / NPZ
    if path.is_dir():
        return convert(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no ICT-FaceKit at {path}")
    with np.load(path, allow_pickle=False) as file:
        missing = [name for name in ARRAYS if name not in file.files]
        if missing:
            raise ValueError(f"{path} lacks the arrays {', '.join(missing)}")
        return {name: file[name] for name in ARRAYS}


def convert(checkout: Path) -> dict[str, Any]:
    """The arrays above, from the OBJ files in ``FaceXModel/`` (a minute or so)."""
    folder = checkout / "FaceXModel" if (checkout / "FaceXModel").is_dir() else checkout
    if not (folder / NEUTRAL).is_file():
        raise FileNotFoundError(f"{checkout} is not a checkout of ICT-FaceKit: no {NEUTRAL} in it")
    neutral, triangles = read_obj(folder / NEUTRAL)
    others = sorted(path for path in folder.glob("*.obj") if path.name != NEUTRAL)
    identities = [path for path in others if path.stem.startswith("identity")]
    expressions = [path for path in others if not path.stem.startswith("identity")]
    return {
        "N": neutral.astype(np.float32),
        "T": triangles,
        "ID": _displacements(identities, neutral),
        "EX": _displacements(expressions, neutral),
        "exn": np.array([path.stem for path in expressions]),
    }


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(vertices (n, 3) float64, triangles (t, 3) int64) of an OBJ file.

    A polygon a b c d becomes the fan a b c, a c d; texture and normal indices are dropped.
    """
    vertices: list[list[float]] = []
    triangles: list[tuple[int, int, int]] = []
    with path.open(encoding="ascii") as lines:
        for line in lines:
            kind, *words = line.split() or [""]
            if kind == "v":
                vertices.append([float(word) for word in words[:3]])
            elif kind == "f":
                first, *rest = (int(word.partition("/")[0]) - 1 for word in words)
                triangles += [(first, b, c) for b, c in itertools.pairwise(rest)]
    return np.array(vertices, float).reshape(-1, 3), np.array(triangles, np.int64).reshape(-1, 3)


def _displacements(paths: list[Path], neutral: np.ndarray) -> np.ndarray:
    """(len(paths), n, 3) float16: what each mesh adds to the neutral one."""
    fields = np.zeros((len(paths), *neutral.shape), np.float16)
    for field, path in zip(fields, paths, strict=True):
        vertices, _ = read_obj(path)
        if vertices.shape != neutral.shape:
            raise ValueError(f"{path} has {len(vertices)} vertices, {NEUTRAL} {len(neutral)}")
        field[:] = vertices - neutral
    return fields


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python facekit.py CHECKOUT OUT.npz")
    np.savez_compressed(sys.argv[2], **convert(Path(sys.argv[1])))
