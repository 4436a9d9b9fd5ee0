"""The recipe of the rendered faces makes the very pictures that the weights were trained on."""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invprob.io import images

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
RECIPE = ROOT / "benchmarks" / "recipes" / "faces64"

with_data = pytest.mark.skipif(
    not (DATA / "ict_facekit_f16.npz").is_file(), reason=f"no ICT-FaceKit data in {DATA}"
)
if int(np.__version__.split(".")[0]) < 2:
    pytest.skip("the renderer's last bit needs numpy 2", allow_module_level=True)


@pytest.fixture(scope="module")
def recipe():
    """The modules of the recipe, which is a folder of scripts and no package."""
    names = ("facekit", "face_mesh", "face_paint", "render_faces")
    sys.path.insert(0, str(RECIPE))
    try:
        yield {name: __import__(name) for name in names}
    finally:
        sys.path.remove(str(RECIPE))
        for name in names:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def model(recipe):
    return recipe["render_faces"].Model.of(recipe["facekit"].load(DATA))


@with_data
@pytest.mark.parametrize(("archive", "seed"), [("test", 0), ("test", 3), ("train", 1000)])
def test_the_renderer_makes_the_pictures_of_the_data_sets(recipe, model, archive, seed):
    with zipfile.ZipFile(DATA / f"faces64-{archive}.zip") as file:
        stored = np.asarray(Image.open(io.BytesIO(file.read(f"{seed:07d}.png"))))
    assert np.array_equal(recipe["render_faces"].render(model, seed), stored)


@with_data
def test_the_renderer_makes_the_bundled_samples(recipe, model):
    for face in images.bundled():
        seed = int(face.name.removeprefix("face-"))
        assert seed >= 20000
        rendered = recipe["render_faces"].render(model, seed)
        assert np.array_equal(rendered, np.asarray(Image.open(face.path)))


@with_data
def test_the_command_line_writes_folders_and_zips(recipe, tmp_path, monkeypatch):
    for out in (tmp_path / "out", tmp_path / "out.zip"):
        words = ["render_faces.py", "5", "7", str(out), "--facekit", str(DATA), "--size", "16"]
        monkeypatch.setattr(sys, "argv", words)
        recipe["render_faces"].main()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["0000005.png", "0000006.png"]
    with zipfile.ZipFile(tmp_path / "out.zip") as file:
        assert file.read("0000006.png") == (tmp_path / "out" / "0000006.png").read_bytes()


def write_obj(path, vertices, faces):
    lines = ["mtllib ICTFaceModelMaterial.mtl"]
    lines += ["v " + " ".join(f"{x:.6f}" for x in v) for v in vertices]
    lines += ["vt 0.5 0.5", "usemtl skin", "s 1"]
    lines += ["f " + " ".join(f"{i + 1}/{i + 7}" for i in face) for face in faces]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def checkout(tmp_path):
    """A tiny copy of ICT-FaceKit in the layout of the real one; (folder, neutral, fields)."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "ICT-FaceKit" / "FaceXModel"
    folder.mkdir(parents=True)
    neutral = rng.normal(size=(6, 3)).round(6)
    names = ["identity000", "identity001", "jawOpen", "browDown_L"]
    fields = {name: rng.normal(size=(6, 3)).round(6) for name in names}
    faces = [(0, 1, 2, 3), (3, 4, 5)]
    write_obj(folder / "generic_neutral_mesh.obj", neutral, faces)
    for name, field in fields.items():
        write_obj(folder / f"{name}.obj", neutral + field, faces)
    return folder.parent, neutral, fields


def test_a_checkout_becomes_displacement_fields(recipe, checkout, tmp_path):
    folder, neutral, fields = checkout
    facekit = recipe["facekit"]
    arrays = facekit.load(folder)
    assert np.array_equal(arrays["N"], neutral.astype(np.float32))
    assert arrays["T"].tolist() == [[0, 1, 2], [0, 2, 3], [3, 4, 5]]
    assert list(arrays["exn"]) == ["browDown_L", "jawOpen"]
    assert arrays["ID"].dtype == arrays["EX"].dtype == np.float16
    assert arrays["ID"].shape == (2, 6, 3)
    assert np.allclose(arrays["ID"][1], fields["identity001"], atol=2e-3)
    assert np.allclose(arrays["EX"][1], fields["jawOpen"], atol=2e-3)
    np.savez_compressed(tmp_path / facekit.NPZ, **arrays)
    for place in (tmp_path, tmp_path / facekit.NPZ):
        again = facekit.load(place)
        assert all(np.array_equal(again[name], arrays[name]) for name in facekit.ARRAYS)


@with_data
def test_the_stored_fields_have_the_layout_of_a_conversion(recipe, checkout):
    made, stored = recipe["facekit"].load(checkout[0]), recipe["facekit"].load(DATA)
    for name in recipe["facekit"].ARRAYS:
        assert made[name].dtype.kind == stored[name].dtype.kind
        assert made[name].ndim == stored[name].ndim
    assert stored["exn"].tolist() == sorted(stored["exn"])


def test_what_is_no_facekit(recipe, checkout, tmp_path):
    facekit = recipe["facekit"]
    with pytest.raises(FileNotFoundError, match="is not a checkout"):
        facekit.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no ICT-FaceKit"):
        facekit.load(tmp_path / "missing")
    np.savez(tmp_path / "other.npz", N=np.zeros(3))
    with pytest.raises(ValueError, match="lacks the arrays T"):
        facekit.load(tmp_path / "other.npz")
    write_obj(checkout[0] / "FaceXModel" / "identity001.obj", np.zeros((5, 3)), [])
    with pytest.raises(ValueError, match=r"identity001\.obj has 5 vertices"):
        facekit.load(checkout[0])
    with pytest.raises(ValueError, match="not the ICT-FaceKit mesh"):
        recipe["render_faces"].Model.of({"N": np.zeros((5, 3))})
