"""Files, names and measurements of users, through the whole command line and `invprob.solve`."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some
from PIL import Image
from torch import Tensor

import invprob
from invprob.analysis import metrics
from invprob.cli import keyed
from invprob.config.experiment import Experiment
from invprob.config.registry import Registry
from invprob.errors import BadInput, BadParams, InvprobError
from invprob.io.framing import Framing
from invprob.runs.inputs import prepare
from invprob_basics import GaussianNoise, Inpaint, PoissonNoise
from invprob_basics import Identity as Same
from invprob_csgm import CSGM
from tests.cli.conftest import Invoke
from tests.conftest import TOYS, Plugins

BASICS = ("basics", "invprob_basics.plugin", "invprob 0")
FAST = ("--solver", "walk:steps=2", "--samples", "1", "--generator", "linear", "--prior", "normal")
Solve = Callable[..., Any]


@pytest.fixture
def toys(plugins: Plugins) -> Registry:
    """The toys and our own operators."""
    return plugins(TOYS, BASICS)


@pytest.fixture
def solve(toys: Registry) -> Solve:
    """`invprob.solve` of two steps."""

    def run(**given: Any) -> Any:
        made = {"solver": "walk:steps=2", "generator": "linear", "prior": "normal"}
        return invprob.solve(**made, num_samples=1, **given)

    return run


def _picture(path: Path | str, width: int = 16, height: int = 16) -> Path:
    ramp = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 120, width))
    Image.fromarray(ramp.astype(np.uint8)).save(path, "PNG")
    return Path(path)


def _mask(width: int = 16, height: int = 16) -> np.ndarray:
    mask = np.ones((height, width), bool)
    mask[: height // 2, : width // 2] = False
    return mask


@pytest.mark.parametrize(
    "name", ['\U0001f600, b=c|d\'s "me" \t.png', "~tmp.png", "x" * 246 + ".png"]
)
def test_any_name_runs_resumes_and_runs_again(invoke: Invoke, tmp_path: Path, name: str) -> None:
    quoted = 'inpaint:mask="' + name.replace('"', '""') + '"'
    Image.fromarray(_mask()).save(tmp_path / name, "PNG")
    said = invoke("solve", name, "--operator", quoted, *FAST, "--out", "r", "-q")
    assert (said.status, said.out, said.err) == (0, "", "")
    assert invoke("run", "r/experiment.toml", "--dry-run").status == 0
    assert invoke("resume", "r", "-q").status == 0


def test_a_name_that_is_not_utf8_is_refused_before_anything_is_read(invoke: Invoke) -> None:
    for words in (["caf\udce9.png"], ["x.png", "--operator", "inpaint:mask=caf\udce9.png"]):
        said = invoke("solve", *words, *FAST, "--out", "r")
        assert said.status == 2
        assert "is not UTF-8" in said.err
        assert not Path("r").exists()


def test_home_in_every_place(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    _picture(tmp_path / "home" / "a.png")
    np.save(tmp_path / "home" / "k.npy", np.ones((3, 3), int))
    kernel = "blur:kernel=~/k.npy"
    words = ["solve", "~/a.png", "--operator", kernel, *FAST, "--observe", "csv:path=~/o.csv"]
    assert invoke(*words, "--out", "~/r").status == 0
    assert {"a.png", "k.npy", "o.csv", "r"} <= set(os.listdir(tmp_path / "home"))
    assert invoke("run", "~/r/experiment.toml", "--out", "~/r2").status == 0
    assert invoke("resume", "~/r").status == 0
    assert invprob.resume("~/r2").complete


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none.png"], "there is no file or folder none.png"),
        (["https://example.org/a.png"], "https://example.org/a.png is an address"),
        (["a.png", "--operator", "inpaint:mask=~hole.png"], "no file or folder ~hole.png"),
        (["a.png", "--operator", "blur:kernel=none.npy"], "no file or folder none.npy"),
        (["--measurement", "none.png", "--operator", "identity"], "no file or folder none.png"),
        (["/dev/null"], "/dev/null is a device"),
        (["--measurement", "a.png"], "measurement a.png is given without what happened to it"),
        (["a.png", "--crop-at", "top"], "--crop-at is given without --crop"),
        (["a.png", "--crop", "--crop-at", "up"], "--crop-at is 'up'"),
    ],
)
def test_what_is_missing_is_said_before_a_model_is_loaded(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    def loaded(*_: object) -> None:
        raise AssertionError("a model is loaded")

    monkeypatch.setattr("invprob.runs.build.models", loaded)
    _picture(tmp_path / "a.png")
    said = invoke("solve", *words, *FAST, "--out", "r")
    assert said.status == 2
    assert says in said.err
    assert "hint: " in said.err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_an_experiment_of_windows(invoke: Invoke, photo: Path, encoding: str) -> None:
    text = invoke("solve", photo, "--operator", "identity", *FAST, "--dry-run").out
    Path("e.toml").write_text(text, encoding=encoding)
    assert invoke("run", "e.toml", "--out", "r", "-q").status == 0


def test_a_photograph_with_a_hole(
    invoke: Invoke, toys: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """README's own command: the mask has the size of the photograph."""
    _picture(tmp_path / "photo.png", 48, 32)
    kept = _mask(48, 32)
    Image.fromarray(kept).save(tmp_path / "hole.png")
    np.save(tmp_path / "hole.npy", kept)
    clear = Image.open(tmp_path / "photo.png").convert("RGBA")
    clear.putalpha(Image.fromarray(kept).convert("L"))
    clear.save(tmp_path / "clear.png")
    numbers = np.asarray(Image.open(tmp_path / "photo.png"))[None].astype(np.float32) / 255
    np.save(tmp_path / "y.npy", np.where(kept, numbers, np.nan))

    def measured(mask: str, **given: Any) -> Tensor:
        table = {"operator": f"inpaint:mask={mask}", "noise": "basics.none", "solver": "walk"}
        table |= {"generator": "linear", "resize": True, "crop": True, "crop_at": "left"}
        experiment = Experiment.parse(table | given).resolve(toys)
        with caplog.at_level(logging.INFO):
            y = prepare(experiment, toys)[1].y
        # of the 32 columns from the left on 24 of 48 are in the hole
        assert caplog.messages[-1] == f"mask {mask}: 62 % measured"
        return y

    truth = measured("hole.png", images=["photo.png"])
    assert torch.equal(truth, measured("hole.npy", images=["photo.png"]))
    assert torch.equal(truth, measured("hole.png", measurement="photo.png"))
    # beside the hole a pixel is a mean with what stands in it
    for name in ("clear.png", "y.npy"):
        found = measured("hole.png", measurement=name)
        assert (found - truth).abs().median() < 1e-3
    framing = Framing(True, True, (0.5, 0.0))
    whole = framing.picture(torch.from_numpy(numbers), (16, 16))
    cut = framing.mask(torch.from_numpy(kept)[None].float(), (16, 16), "")
    assert torch.allclose(truth[0], whole[cut > 0.5], atol=1e-6)

    words = ["solve", "photo.png", "--operator", "inpaint:mask=hole.png", *FAST, "--out", "r"]
    plain = invoke(*words)
    assert plain.status == 2
    assert "--resize" in plain.err
    assert "mask hole.png: 75 % measured" in invoke(*words, "--resize").err
    assert invoke("resume", "r", "-q").status == 0


def test_a_mask_that_lies_otherwise_than_the_picture_is_refused(solve: Solve) -> None:
    framing = Framing(True, True, pictures=frozenset([(32, 48)]))
    mask = torch.ones(1, 64, 96)
    assert framing.mask(mask, (16, 16), "m").shape == (1, 16, 16)
    for size in ((32, 32), (48, 32), (96, 64)):
        with pytest.raises(BadInput, match="cannot be cropped alike"):
            framing.mask(torch.ones(1, *size), (16, 16), "m")
    with pytest.raises(BadInput, match="cannot be cropped alike"):
        Framing(False, True, pictures=frozenset([(32, 48)])).mask(mask, (16, 16), "m")


def test_a_crop_lies_where_it_is_asked() -> None:
    image = torch.arange(6.0).expand(1, 2, 6) / 5
    for at, first in ((0.0, 0), (0.5, 2), (1.0, 4)):
        cut = Framing(crop=True, at=(0.5, at)).picture(image, (2, 2))
        assert torch.equal(cut, image[..., first : first + 2])


def test_what_is_enlarged_or_left_out_is_said(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    _picture(tmp_path / "set" / "dot.png", 1, 1)
    (tmp_path / "set" / "a.heic").write_bytes(b"")
    words = ["solve", "set", "--resize", "--operator", "identity", *FAST]
    said = invoke(*words, "--out", "r")
    assert "enlarged to 16×16 pixels: dot (1×1)" in said.err
    assert said.err.count("1 left out, which are not pictures: a.heic") == 1
    assert invoke(*words, "--out", "q", "-q").err == ""


@pytest.mark.parametrize(
    ("shape", "operator"),
    [
        ((16, 16), "identity"),
        ((16, 16, 1), "identity"),
        ((4, 16, 16), "identity"),
        ((1, 1, 1, 16, 16), "identity"),
        ((), "identity"),
        ((100,), "inpaint:half=left"),
        ((1, 7, 7), "inpaint:half=left"),
        ((11,), "compressed:m=10"),
        ((1, 16, 16), "compressed:m=10"),
        ((1, 5, 5), "superres:factor=2"),
    ],
)
def test_measurements_of_another_shape(solve: Solve, shape: tuple, operator: str) -> None:
    with pytest.raises(InvprobError) as caught:
        solve(y=torch.rand(shape), operator=operator)
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_measurements_with_and_without_a_batch(solve: Solve) -> None:
    y = torch.rand(2, 1, 16, 16)
    for operator in ("identity", "inpaint:half=left", "superres:factor=2"):
        side = 8 if operator.startswith("superres") else 16
        both = solve(y=y[..., :side, :side], operator=operator)
        one = solve(y=y[0, :, :side, :side], operator=operator)
        assert torch.allclose(both.mean[:1], one.mean, atol=1e-4)


@pytest.mark.parametrize(
    ("y", "noise", "says"),
    [
        (torch.rand(1, 16, 16) * 255, "gaussian", "reaches from"),
        (torch.rand(1, 16, 16) * 2 - 1, "gaussian", "reaches from"),
        (torch.rand(1, 16, 16) - 0.2, "poisson", "below 0"),
        (torch.full((1, 16, 16), torch.nan), "gaussian", "NaN or infinity in 256"),
        (torch.full((1, 16, 16), torch.inf), "gaussian", "NaN or infinity in 256"),
    ],
)
def test_measurements_that_no_image_gives(solve: Solve, y: Tensor, noise: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        solve(y=y, operator="identity", noise=noise)
    solve(y=torch.rand(1, 16, 16) * 3 - 1, operator="identity", noise="gaussian:sigma=0.5")


def test_a_problem_of_objects_is_judged_alike() -> None:
    dark = torch.full((1, 4, 4), -0.05)
    with pytest.raises(BadInput, match="16 of 16 values of the measurement are below 0"):
        invprob.Problem.create(dark, Same((1, 4, 4), noise=PoissonNoise(0.01)))
    A = Inpaint(torch.eye(4), image_shape=(1, 4, 4), noise=GaussianNoise(0.1))
    with pytest.raises(BadInput, match="NaN or infinity in 1 of the 4 values"):
        invprob.Problem.create(torch.tensor([0.0, 1.0, torch.nan, 0.0]), A)
    with pytest.raises(InvprobError, match="shape"):
        invprob.Problem.create(torch.tensor(0.5), A)
    with pytest.raises(BadInput, match="from 0 to 255, and images"):
        invprob.Problem.create(torch.tensor([0.0, 255.0, 99.0, 0.0]), A)


def test_poisson_below_zero_is_as_at_zero() -> None:
    noise = PoissonNoise(0.01)
    images = torch.tensor([-1.0, -0.5, -0.05, 0.0, 0.05])[:, None]
    below, at = (noise.log_prob(torch.full_like(images, y), images) for y in (-0.05, 0.0))
    assert torch.equal(below, at)
    assert at.argmax() == 3
    with pytest.raises(BadParams, match="gain"):
        PoissonNoise(1e30)


def test_y_without_an_operator(solve: Solve) -> None:
    with pytest.raises(BadInput, match="without the operator"):
        solve(y=torch.rand(1, 16, 16))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    array=some.arrays(
        st.sampled_from(["?", "u1", "i8", "f2", "f4", "f8", "c8"]),
        some.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=3),
    ),
    as_mask=st.booleans(),
)
def test_any_array_is_a_run_or_a_sentence(
    solve: Solve, tmp_path: Path, array: np.ndarray, as_mask: bool
) -> None:
    try:
        if as_mask:
            np.save(tmp_path / "m.npy", array)
            size = array.shape[-2:] if array.ndim > 1 and min(array.shape[-2:]) > 0 else (2, 2)
            Inpaint.from_params(Inpaint.read(mask=tmp_path / "m.npy"), (1, *size), 0)
        else:
            solve(y=array, operator="identity")
    except InvprobError as fault:
        json.dumps(fault.message)


def test_words_after_train() -> None:
    switches = {"resize", "crop"}
    assert keyed.flags(["--resize", "--crop", "--size", "64"], switches) == {
        "resize": "true",
        "crop": "true",
        "size": "64",
    }
    assert keyed.flags(["--crop", "false", "--lr=-1"], switches) == {"crop": "false", "lr": "-1"}
    for wrong in (["--size", "--crop"], ["--size", "1", "--size", "2"]):
        with pytest.raises(BadParams):
            keyed.flags(wrong, switches)
    with pytest.raises(BadParams, match="given twice"):
        keyed.pairs(["batch=1", "batch=2"])


def test_train_takes_a_parameter_once(invoke: Invoke) -> None:
    said = invoke("train", "count", ".", "--out", "t", "--steps", "2", "--set", "steps=3")
    assert said.status == 2
    assert "'steps' is given twice" in said.err


def test_pictures_of_a_few_pixels_have_no_ssim() -> None:
    tiny = torch.rand(2, 3, 4, 4)
    assert metrics.ssim(tiny, tiny).isnan().all()
    assert metrics.ssim(torch.rand(2, 3, 6, 6), torch.rand(2, 3, 6, 6)).isfinite().all()


def test_a_run_on_pictures_of_four_pixels(toys: Registry) -> None:
    A = Same((3, 4, 4), noise=GaussianNoise(0.1))
    given = {"operator": A, "solver": CSGM(steps=2, restarts=1), "prior": "basics.gaussian"}
    found = invprob.solve(truth=torch.rand(1, 3, 4, 4), num_samples=1, **given)
    assert math.isnan(found.metrics[0]["ssim_mean"])
    assert found.metrics[0]["psnr_mean"] > 0
