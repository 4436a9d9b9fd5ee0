"""Render aligned synthetic faces from the ICT-FaceKit morphable model; numpy and pillow only.

    python render_faces.py FIRST LAST OUT --facekit PATH [--size 64]

draws the faces of the seeds FIRST to LAST − 1 into OUT, a folder or a .zip file, as SEED.png. PATH
is a checkout of ICT-FaceKit or the file that `facekit.py` makes of one. A seed fixes identity,
expression, skin, hair, pose, light and background, so a split by seed is a split by identity; every
property is drawn at random, no real person is depicted. About 0.1 s a face of 64 × 64 pixels.

The order of the draws, here and in `face_paint.py`, is part of the data: to change it is to change
every face.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import facekit
import numpy as np
from face_mesh import EYES, LIPS, MOUTH, Array, Model
from face_paint import blend, draw_shape, draw_tones, grow_hair, paint_face, paint_rest
from numpy.random import Generator
from PIL import Image


def draw_pose(rng: Generator) -> Array:
    """A rotation (3, 3): yaw, then pitch, then roll, mostly frontal."""
    yaw, pitch, roll = np.deg2rad([rng.normal(0, 13), rng.normal(0, 6), rng.normal(0, 3)])
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (yaw, pitch, roll))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def project(model: Model, vertices: Array, pose: Array, size: int) -> tuple[Array, Array, Array]:
    """(column, row, depth) of each vertex, for a camera 60 cm before a point between the eyes
    and the mouth of the *neutral* face, so that all faces are aligned."""
    p = model.marks
    middle = p[EYES].mean(0) * 0.5 + p[LIPS].mean(0) * 0.5
    turned = (vertices - np.array([0, middle[1] + 1.75, 2.0])) @ pose.T
    camera = 60.0
    focal = size * camera / 25.5
    depth = camera - turned[:, 2]
    return size / 2 + focal * turned[:, 0] / depth, size / 2 - focal * turned[:, 1] / depth, depth


@dataclass(frozen=True)
class Fragments:
    """What is seen: flat pixel indices (f,), triangles (f, 3), barycentric weights (f, 3)."""

    pixel: Array
    triangle: Array
    weight: Array

    def mean(self, values: Array) -> Array:
        """Values of the vertices, (n,) or (n, c), at the fragments."""
        at = values[self.triangle]
        return (at * (self.weight if at.ndim == 2 else self.weight[..., None])).sum(1)


def rasterise(model: Model, u: Array, v: Array, depth: Array, size: int) -> Fragments:
    """The nearest triangle in each pixel; all triangles advance over their boxes together."""
    tu, tv, tz = u[model.triangles], v[model.triangles], depth[model.triangles]
    area = (tu[:, 1] - tu[:, 0]) * (tv[:, 2] - tv[:, 0])
    area = area - (tu[:, 2] - tu[:, 0]) * (tv[:, 1] - tv[:, 0])
    # the mouth is seen from inside, everything else from outside
    seen = (np.abs(area) > 1e-6) & ((area < 0) | (model.part[model.triangles[:, 0]] == MOUTH))
    kept = np.nonzero(seen)[0]
    tu, tv, tz, area = tu[kept], tv[kept], tz[kept], area[kept]
    left, right = np.floor(tu.min(1)).astype(int), np.ceil(tu.max(1)).astype(int)
    top, bottom = np.floor(tv.min(1)).astype(int), np.ceil(tv.max(1)).astype(int)
    pixels, depths, owners, weights = [], [], [], []
    for dx in range((right - left).max() + 1):
        wide = np.nonzero(right - left >= dx)[0]
        for dy in range((bottom - top)[wide].max() + 1):
            s = wide[(bottom - top)[wide] >= dy]
            x, y = left[s] + dx, top[s] + dy
            du, dv = tu[s] - (x + 0.5)[:, None], tv[s] - (y + 0.5)[:, None]
            w0 = (du[:, 1] * dv[:, 2] - du[:, 2] * dv[:, 1]) / area[s]
            w1 = (du[:, 2] * dv[:, 0] - du[:, 0] * dv[:, 2]) / area[s]
            w = np.stack([w0, w1, 1 - w0 - w1], 1)
            hit = (w >= -1e-4).all(1) & (x >= 0) & (x < size) & (y >= 0) & (y < size)
            pixels.append(y[hit] * size + x[hit])
            depths.append((w[hit] * tz[s[hit]]).sum(1))
            owners.append(kept[s[hit]])
            weights.append(w[hit])
    pixel, owner, weight = np.concatenate(pixels), np.concatenate(owners), np.concatenate(weights)
    order = np.lexsort((np.concatenate(depths), pixel))
    pixel, owner, weight = pixel[order], owner[order], weight[order]
    first = np.r_[True, pixel[1:] != pixel[:-1]]
    return Fragments(pixel[first], model.triangles[owner[first]], weight[first])


def shade(normal: Array, albedo: Array, gloss: Array, rng: Generator) -> Array:
    """Colours (f, 3) under sky light, a key light, a fill light and a gleam."""
    normal = normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9)
    normal[normal[:, 2] < -0.2] *= -1
    key = unit([rng.normal(0, 0.7), rng.normal(0.5, 0.35), 1.0])
    tint = np.array([1, 0.97, 0.93]) * rng.normal(1, 0.04, 3)
    fill = unit([-key[0] + rng.normal(0, 0.3), 0.1, 0.6])
    wrap = 0.25  # light that reaches round the terminator, as it does on skin
    from_key = np.clip((normal @ key + wrap) / (1 + wrap), 0, 1)
    from_fill = np.clip((normal @ fill + wrap) / (1 + wrap), 0, 1)
    sky = 0.30 + 0.12 * normal[:, 1]
    gleam = np.clip(normal @ unit(key + np.array([0, 0, 1])), 0, 1) ** 22
    power = rng.uniform(0.5, 0.8)
    light = sky[:, None] * np.array([0.95, 0.98, 1.05]) + power * from_key[:, None] * tint
    light = light + 0.22 * from_fill[:, None]
    return albedo * light + gloss[:, None] * gleam[:, None] * 0.35


def unit(vector: Any) -> Array:
    """The vector at length 1."""
    return np.asarray(vector) / np.linalg.norm(vector)


def draw_background(size: int, rng: Generator) -> Array:
    """Colours (size², 3) of a wall with a linear gradient, and shoulders in plain cloth."""
    one = rng.uniform(0.15, 0.85) * np.ones(3) + rng.normal(0, 0.05, 3)
    other = one * rng.uniform(0.6, 1.25) + rng.normal(0, 0.02, 3)
    y, x = np.mgrid[0:size, 0:size] / size
    angle = rng.uniform(0, 6.28)
    t = ((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) + 0.7) / 1.4
    picture = blend(np.tile(one, (size * size, 1)), other, t.reshape(-1))
    cloth = rng.uniform(0.05, 0.9, 3) * rng.uniform(0.4, 1)
    height = 0.93 + rng.normal(0, 0.015)
    covered = (y > height + ((x - 0.5) ** 2) * rng.uniform(0.25, 0.6)).reshape(-1)
    picture[covered] = cloth * (1 - 0.25 * np.abs(x - 0.5).reshape(-1)[covered])[:, None]
    return picture


def render(model: Model, seed: int, size: int = 64, supersample: int = 2) -> Array:
    """The face of a seed, (size, size, 3) uint8."""
    rng = np.random.default_rng(seed)
    vertices = draw_shape(model, rng)
    tones = draw_tones(rng)
    albedo, male = paint_face(model, tones, rng)
    vertices, albedo = grow_hair(model, tones, male, vertices, albedo, rng)
    gloss = paint_rest(model, tones, albedo, rng)
    pose = draw_pose(rng)
    fine = size * supersample
    seen = rasterise(model, *project(model, vertices, pose, fine), fine)
    normals = model.normals(vertices) @ pose.T
    colours = shade(seen.mean(normals), seen.mean(albedo), seen.mean(gloss), rng)
    picture = draw_background(fine, rng)
    soft = 1 - 0.25 * np.exp(-(colours - 0.75) / 0.25)  # highlights roll off above 0.75
    picture[seen.pixel] = np.where(colours < 0.75, colours, soft)
    picture = np.clip(picture, 0, 1) ** (1 / 1.15)
    picture = picture.reshape(size, supersample, size, supersample, 3).mean((1, 3))
    return (picture * 255 + 0.5).astype(np.uint8)


def encode(picture: Array) -> bytes:
    """The picture as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("first", type=int, help="the first seed")
    parser.add_argument("last", type=int, help="one more than the last seed")
    parser.add_argument("out", type=Path, help="a folder, or a file ending in .zip")
    parser.add_argument("--facekit", type=Path, required=True, help="ICT-FaceKit, or its .npz")
    parser.add_argument("--size", type=int, default=64, help="pixels on a side (64)")
    args = parser.parse_args()
    try:
        model = Model.of(facekit.load(args.facekit))
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    files = ((f"{s:07d}.png", render(model, s, args.size)) for s in range(args.first, args.last))
    if args.out.suffix == ".zip":
        with zipfile.ZipFile(args.out, "w") as archive:
            for name, picture in files:
                archive.writestr(zipfile.ZipInfo(name, (2026, 11, 22, 0, 0, 0)), encode(picture))
    else:
        args.out.mkdir(parents=True, exist_ok=True)
        for name, picture in files:
            (args.out / name).write_bytes(encode(picture))


if __name__ == "__main__":
    main()
