"""The ICT-FaceKit mesh up to the eyes, with what the painter needs to know of its vertices."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Array = np.ndarray

# First vertex of each part of the mesh, in the order of ICT-FaceKit; what follows is not drawn.
PARTS = (0, 9409, 11248, 13294, 13678, 14062, 17039, 21451, 22221, 23021, 23791, 24591)
FACE, HEAD, MOUTH, SOCKET_L, SOCKET_R, GUMS, TEETH, SCLERA_L, IRIS_L, SCLERA_R, IRIS_R = range(11)
VERTICES = PARTS[-1]

# The vertices of the 68 landmarks of iBUG 300-W.
# fmt: off
LANDMARKS = [
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088,
    3443, 268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140,
    2075, 1147, 4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732,
    5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216,
    6207, 6470, 5517, 5966,
]
# fmt: on
JAW, CHIN, NOSE_TIP, BROWS = slice(3, 14), 8, 30, slice(17, 27)
BROW_L, BROW_R, EYE_L, EYE_R = slice(17, 22), slice(22, 27), slice(36, 42), slice(42, 48)
EYES, LIPS = slice(36, 48), slice(48, 60)


@dataclass(frozen=True)
class Model:
    """The mesh up to the eyes with what the painter needs to know of its vertices."""

    neutral: Array  # (n, 3), float32
    triangles: Array  # (t, 3)
    identities: Array  # (100, n, 3), float32
    expressions: dict[str, Array]  # name → (n, 3), float32

    @classmethod
    def of(cls, arrays: dict[str, Any]) -> Model:
        """The model of the arrays that `facekit.load` gives."""
        if len(arrays["N"]) < VERTICES:
            raise ValueError(f"this is not the ICT-FaceKit mesh: fewer than {VERTICES} vertices")
        fields = arrays["EX"][:, :VERTICES].astype(np.float32)
        return cls(
            neutral=arrays["N"][:VERTICES],
            triangles=arrays["T"][arrays["T"].max(1) < VERTICES],
            identities=arrays["ID"][:, :VERTICES].astype(np.float32),
            expressions=dict(zip(map(str, arrays["exn"]), fields, strict=True)),
        )

    @cached_property
    def part(self) -> Array:
        """The part each vertex belongs to."""
        return np.repeat(np.arange(len(PARTS) - 1), np.diff(PARTS))

    @cached_property
    def marks(self) -> Array:
        """The 68 landmarks (68, 3)."""
        return self.neutral[LANDMARKS]

    @cached_property
    def skin(self) -> Array:
        """Which vertices are face, head or neck."""
        return self.part <= HEAD

    @cached_property
    def lips(self) -> Array:
        """Which vertices are lips."""
        outline = self.marks[LIPS]
        inside = in_polygon(self.neutral[:, :2], outline[:, :2])
        return inside & (self.part == FACE) & (self.neutral[:, 2] > outline[:, 2].min() - 1.5)

    @cached_property
    def lip_edge(self) -> Array:
        """Distance to the outline of the lips."""
        return distance(self.neutral, closed(self.marks[LIPS]))

    @cached_property
    def brow(self) -> Array:
        """Distance to the nearer eyebrow."""
        left, right = self.marks[BROW_L], self.marks[BROW_R]
        return np.minimum(distance(self.neutral, left), distance(self.neutral, right))

    @cached_property
    def lid(self) -> Array:
        """Distance to the nearer outline of an eye."""
        left, right = closed(self.marks[EYE_L]), closed(self.marks[EYE_R])
        return np.minimum(distance(self.neutral, left), distance(self.neutral, right))

    @cached_property
    def beard(self) -> Array:
        """How much of a full beard grows here, from 0 to 1: along the jaw, and below the mouth."""
        along_jaw = np.clip(1 - distance(self.neutral, self.marks[JAW]) / 2.2, 0, 1)
        return along_jaw * (self.neutral[:, 1] < self.marks[48, 1] + 0.6)

    @cached_property
    def moustache(self) -> Array:
        """How much of a moustache grows here, from 0 to 1."""
        p = self.marks
        line = np.stack([p[48], p[50], p[33] * 0.5 + p[51] * 0.5, p[52], p[54]])
        return np.clip(1 - distance(self.neutral, line) / 0.7, 0, 1)

    @cached_property
    def cheeks(self) -> Array:
        """How much a vertex blushes."""
        p, nose = self.marks, self.marks[NOSE_TIP]
        left = np.array([p[1, 0] * 0.5 + p[41, 0] * 0.5, nose[1], nose[2]])
        right = np.array([p[15, 0] * 0.5 + p[46, 0] * 0.5, nose[1], nose[2]])
        near = [np.exp(-((self.neutral - at) ** 2).sum(1) / 8) for at in (left, right)]
        return near[0] + near[1]

    @cached_property
    def pupil(self) -> Array:
        """Distance to the nearer optical axis."""
        near = []
        for part in (SCLERA_L, SCLERA_R):
            ball = self.neutral[self.part == part]
            axis = ball[ball[:, 2].argmax()]
            near.append(np.linalg.norm(self.neutral[:, :2] - axis[:2], axis=1))
        return np.minimum(*near)

    @cached_property
    def eyeball(self) -> Array:
        """Which vertices are eyeball."""
        return self.part >= SCLERA_L

    @cached_property
    def eye_front(self) -> Array:
        """Which vertices are the front of an eyeball."""
        depth = self.neutral[self.part == IRIS_L].mean(0)[2] - 0.6
        return self.eyeball & (self.neutral[:, 2] > depth)

    @cached_property
    def crown(self) -> Any:
        """Height of the top of the head."""
        return self.neutral[self.part == HEAD][:, 1].max()

    def normals(self, vertices: Array) -> Array:
        """Unit normals of the vertices (n, 3): area-weighted means over the triangles."""
        a, b, c = (vertices[self.triangles[:, k]] for k in range(3))
        facing = np.cross(b - a, c - a)
        sums = np.zeros_like(vertices)
        for corner in self.triangles.T:
            for axis in range(3):
                sums[:, axis] += np.bincount(corner, facing[:, axis], len(vertices))
        return sums / (np.linalg.norm(sums, axis=1, keepdims=True) + 1e-9)


def closed(line: Array) -> Array:
    """The polyline with its first point again at the end."""
    return np.concatenate([line, line[:1]])


def distance(points: Array, line: Array) -> Array:
    """Distance of each point (n, 3) to a polyline (m, 3)."""
    nearest = np.full(len(points), 1e9)
    for a, b in itertools.pairwise(line):
        along = b - a
        t = np.clip(((points - a) @ along) / (along @ along + 1e-9), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(points - (a + t[:, None] * along), axis=1))
    return nearest


def in_polygon(points: Array, polygon: Array) -> Array:
    """Which points (n, 2) lie in the polygon (m, 2), by counting crossings."""
    x, y = points[:, 0], points[:, 1]
    inside = np.zeros(len(points), bool)
    for (xi, yi), (xj, yj) in zip(polygon, np.roll(polygon, 1, 0), strict=True):
        inside ^= ((yi > y) != (yj > y)) & (x < (xj - xi) * (y - yi) / (yj - yi + 1e-12) + xi)
    return inside
