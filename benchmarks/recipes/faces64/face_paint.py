"""Who it is: shape, colours, beard and hair of a random person, as draws from one generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from face_mesh import (
    BROWS,
    CHIN,
    EYES,
    FACE,
    GUMS,
    MOUTH,
    NOSE_TIP,
    SOCKET_L,
    SOCKET_R,
    TEETH,
    VERTICES,
    Array,
    Model,
)
from numpy.random import Generator

SKIN_TONES = np.array(
    [
        [0.98, 0.84, 0.74],
        [0.93, 0.74, 0.62],
        [0.85, 0.64, 0.50],
        [0.72, 0.50, 0.37],
        [0.52, 0.34, 0.24],
        [0.34, 0.22, 0.16],
    ]
)
HAIR_TONES = np.array(
    [
        [0.06, 0.05, 0.04],
        [0.16, 0.10, 0.06],
        [0.30, 0.19, 0.10],
        [0.52, 0.36, 0.18],
        [0.72, 0.56, 0.33],
        [0.45, 0.20, 0.10],
        [0.62, 0.61, 0.60],
    ]
)
EYE_TONES = np.array(
    [
        [0.25, 0.15, 0.08],
        [0.38, 0.25, 0.12],
        [0.30, 0.38, 0.22],
        [0.25, 0.40, 0.55],
        [0.40, 0.48, 0.52],
    ]
)
DARK_HAIRS, BROWN_EYES = 3, 2
"""How many of the tones, from the first on, darker skin goes with."""


def draw_shape(model: Model, rng: Generator) -> Array:
    """Vertices (n, 3) of a new identity with a faint expression."""
    weights = rng.normal(size=len(model.identities)) * 0.85
    vertices = model.neutral + np.tensordot(weights, model.identities, 1)
    smile = min(max(0, rng.normal(0.25, 0.35)), 1)
    strengths = {
        "mouthSmile": smile,
        "cheekSquint": smile * 0.5,
        "jawOpen": max(0, rng.normal(-0.05, 0.12)),
        "browInnerUp": max(0, rng.normal(0, 0.3)),
        "browDown": max(0, rng.normal(0, 0.25)),
        "eyeBlink": np.clip(rng.normal(0.05, 0.12), 0, 0.5),
        "mouthFrown": max(0, rng.normal(-0.2, 0.3)),
        "mouthPress": max(0, rng.normal(-0.1, 0.2)),
    }
    for name, strength in strengths.items():
        for side in ("_L", "_R", ""):
            if name + side in model.expressions:
                vertices = vertices + strength * model.expressions[name + side]
    return vertices


def waves(points: Array, rng: Generator, frequency: float, count: int = 12) -> Array:
    """A smooth random function at the points (n, 3): a sum of plane waves of unit variance."""
    total = np.zeros(len(points))
    for _ in range(count):
        direction = rng.normal(size=3) * frequency
        total += np.sin(points @ direction + rng.uniform(0, 6.28))
    return total / np.sqrt(count / 2)


def blend(under: Array, over: Array, weight: Array) -> Array:
    """Colours (n, 3) of which `weight` (n,) is covered by `over`."""
    w = weight[:, None]
    return under * (1 - w) + over * w


@dataclass(frozen=True)
class Tones:
    """The colours of a person; `depth` is that of the skin, from 0 to 1."""

    skin: Array
    hair: Array
    depth: float


def draw_tones(rng: Generator) -> Tones:
    """Skin between two neighbouring tones, and a hair colour that goes with it."""
    tone = rng.uniform(0, len(SKIN_TONES) - 1.001)
    i = int(tone)
    skin = SKIN_TONES[i] * (1 - tone + i) + SKIN_TONES[i + 1] * (tone - i)
    skin = skin * rng.normal(1, 0.03)
    skin = skin * np.array([1, rng.normal(1, 0.010), rng.normal(0.97, 0.02)])
    depth = tone / 5
    kind = rng.integers(0, DARK_HAIRS if depth > 0.45 else len(HAIR_TONES))
    return Tones(skin, HAIR_TONES[kind] * rng.uniform(0.7, 1.2), depth)


def paint_face(model: Model, tones: Tones, rng: Generator) -> tuple[Array, bool]:
    """(albedo (n, 3) of the skin with blush, lips, lids, brows and beard; whether male)."""
    albedo = np.tile(tones.skin, (VERTICES, 1))
    albedo *= 1 + 0.025 * waves(model.neutral, rng, 0.8)[:, None]
    albedo *= 1 - model.cheeks[:, None] * np.array([0, 0.10, 0.09]) * rng.uniform(0.2, 1)
    lip = tones.skin * np.array([0.92, 0.62, 0.62]) * rng.uniform(0.85, 1.05)
    lip = lip * np.array([1, rng.uniform(0.8, 1.1), rng.uniform(0.85, 1.1)])
    albedo = blend(albedo, lip, model.lips * np.clip(model.lip_edge / 0.25, 0, 1))
    face = (model.part == FACE)[:, None]
    albedo *= 1 - 0.25 * np.exp(-((model.lid / 0.35) ** 2))[:, None] * face
    width = rng.uniform(0.22, 0.5)
    brow = np.clip(1 - (model.brow / width) ** 2, 0, 1)[:, None] * face * rng.uniform(0.6, 0.95)
    albedo = blend(albedo, tones.hair * 0.8, brow[:, 0])
    male = rng.random() < 0.5
    if male:
        amounts = [0, rng.uniform(0.1, 0.35), rng.uniform(0.5, 0.95)]
        amount = rng.choice(amounts, p=[0.45, 0.3, 0.25])
        beard = np.maximum(model.beard, model.moustache) * amount * ~model.lips * model.skin
        albedo = blend(albedo, tones.hair * 0.7 + tones.skin * 0.1, beard)
    return albedo, male


def grow_hair(
    model: Model, tones: Tones, male: bool, vertices: Array, albedo: Array, rng: Generator
) -> tuple[Array, Array]:
    """(vertices, albedo) with the scalp raised and coloured above a random hairline."""
    at, p = model.neutral, model.marks
    brows, eyes = p[BROWS, 1].mean(), p[EYES, 1].mean()
    rng.integers(0, 4)  # once a style; drawn still, because every later draw depends on it
    bald = rng.random() < 0.07
    front = brows + (model.crown - brows) * rng.uniform(0.42, 0.62)
    behind = p[NOSE_TIP, 2] - at[:, 2]
    side = np.abs(at[:, 0]) / np.abs(at[:, 0]).max()
    slope = np.clip(behind - rng.uniform(5.5, 7.5), 0, 20) * rng.uniform(1.2, 2.6)
    hairline = front - slope - (side**3) * rng.uniform(0, 2)
    long = (not male and rng.random() < 0.75) or rng.random() < 0.08
    lowest = p[CHIN, 1] - rng.uniform(-2, 4) if long else eyes - rng.uniform(1, 5)
    if bald:
        return vertices, albedo
    cover = np.clip((at[:, 1] - np.maximum(hairline, lowest)) / 0.8, 0, 1) * model.skin
    thickness = rng.uniform(0.3, 1.0) if male else rng.uniform(0.7, 1.6)
    bumps = 1 + 0.35 * waves(at, rng, 0.45)
    above = (1 + 0.5 * (at[:, 1] - eyes) / (model.crown - eyes)).clip(0.5, 2)
    raised = cover * (thickness * bumps * above)
    strands = 1 + 0.22 * np.sin(waves(at, rng, 1.0) * 3 + at[:, 0] * rng.uniform(1, 4))
    vertices = vertices + model.normals(vertices) * raised[:, None]
    return vertices, blend(albedo, tones.hair * strands[:, None], cover)


def paint_rest(model: Model, tones: Tones, albedo: Array, rng: Generator) -> Array:
    """Colour mouth, teeth and eyes in place; the gloss (n,) of every vertex."""
    part = model.part
    albedo[part == MOUTH] = [0.25, 0.08, 0.07]
    albedo[(part == SOCKET_L) | (part == SOCKET_R)] = tones.skin * 0.5
    albedo[part == GUMS] = [0.55, 0.22, 0.22]
    albedo[part == TEETH] = [0.9, 0.88, 0.82]
    iris = EYE_TONES[rng.integers(0, BROWN_EYES if tones.depth > 0.4 else len(EYE_TONES))]
    albedo[model.eyeball] = [0.86, 0.84, 0.82]
    for radius, colour in ((0.62, iris * 0.45), (0.54, iris), (0.26, [0.02, 0.02, 0.02])):
        albedo[model.eye_front & (model.pupil < radius)] = colour
    gloss = np.full(VERTICES, 0.12)
    gloss[model.lips] = 0.35
    gloss[model.eyeball] = 0.8
    return gloss
