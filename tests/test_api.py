"""`invprob.solve`: the same run as the command line's, from paths, numbers and objects."""

from __future__ import annotations

import dataclasses
import html.parser
import inspect
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import invprob
from invprob import cli
from invprob.errors import BadInput, Incompatible, InvprobError, UnknownComponent
from invprob.io.images import read
from invprob.runs.session import Interrupted
from tests import toys

pytestmark = pytest.mark.usefixtures("toys")
WALK = {"solver": "walk:steps=4", "operator": "mask", "noise": "gauss", "num_samples": 2}


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.linear_gradient("L").resize((16, 16)).save(path)
    return path


def test_the_command_line_gives_the_same_bits(photo, tmp_path):
    line = ["solve", str(photo), "--solver", "walk:steps=30", "--operator", "mask"]
    line += ["--noise", "gauss", "--samples", "2", "--out", str(tmp_path / "line"), "--quiet"]
    assert cli.call(line) == 0
    invprob.solve(truth=photo, out=tmp_path / "python", **WALK | {"solver": "walk:steps=30"})
    one, other = ((tmp_path / d / "result.safetensors").read_bytes() for d in ("line", "python"))
    assert one == other
    toml = [(tmp_path / d / "experiment.toml").read_text() for d in ("line", "python")]
    assert toml[0] == toml[1]


def test_a_truth_may_be_a_path_a_picture_or_numbers(photo):
    pixels = np.asarray(Image.open(photo))
    ways = [photo, Image.open(photo), pixels, read(photo, 1).numpy()]
    found = [invprob.solve(truth=way, **WALK) for way in ways]
    assert all(torch.equal(f.samples, found[0].samples) for f in found)
    assert all(torch.equal(f.truth, found[0].truth) for f in found)
    both = invprob.solve(truth=torch.stack([read(photo, 1)] * 2), **WALK)
    assert both.names == ("image-0", "image-1")
    # a batch of two may round otherwise than one picture alone
    torch.testing.assert_close(both.mean[1], found[0].mean[0], rtol=0, atol=1e-6)


def test_a_measurement_may_be_a_path_or_numbers(photo, tmp_path):
    y = invprob.solve(truth=photo, **WALK).y
    np.save(tmp_path / "y.npy", y.numpy())
    ways = [tmp_path / "y.npy", y, y[0].double().numpy()]
    found = [invprob.solve(way, **WALK) for way in ways]
    assert all(torch.equal(f.samples, found[0].samples) for f in found)
    assert found[0].truth is None
    assert "psnr_mean" not in found[0].metrics[0]


def test_objects_are_as_good_as_names(photo):
    named = invprob.solve(truth=photo, **WALK)
    G = toys.Linear(toys.LinearParams())
    A = toys.Mask(toys.MaskParams(), toys.SHAPE, 0)
    given = invprob.solve(
        truth=photo,
        solver=toys.Walk(toys.WalkParams(steps=4)),
        operator=A,
        noise=toys.Gauss(toys.GaussParams()),
        generator=G,
        prior={0: toys.Normal(toys.NoParams(), G, 0)},
        num_samples=2,
    )
    assert torch.equal(named.samples, given.samples)
    assert given.experiment.operator[0].name == "given-mask-1"


def test_an_object_that_cannot_serve_is_refused(photo):
    with pytest.raises(BadInput, match="3 is not an operator"):
        invprob.solve(truth=photo, **WALK | {"operator": 3})
    with pytest.raises(BadInput, match="prior is the class Normal") as caught:
        invprob.solve(truth=photo, **WALK, prior=toys.Normal)
    assert caught.value.hint == "give an instance of it: Normal(…)"
    box = toys.Box(toys.NoParams(), None, 0)
    with pytest.raises(Incompatible, match="log_density"):
        invprob.solve(truth=photo, **WALK, prior=box)


def test_a_function_will_do_as_an_operator(photo):
    halved = invprob.solve(truth=photo, **WALK | {"operator": lambda x: x[..., ::2]})
    assert halved.y.shape == (1, 1, 16, 8)
    composed = WALK | {"operator": ["mask", lambda x: x.flatten(1)]}
    with pytest.raises(BadInput, match=r"to \(256,\)"):
        invprob.solve(truth=photo, **composed | {"operator": lambda x: x.mean(0).flatten()})
    assert invprob.solve(truth=photo, **composed).y.dim() == 2


def test_a_prior_for_a_stage_that_nobody_visits_is_refused(photo):
    with pytest.raises(Incompatible, match="normal of stage 9 is not used: walk visits stage 0"):
        invprob.solve(truth=photo, **WALK, prior={0: "normal", 9: "normal"})


def test_a_solver_object_has_the_defaults_of_its_component(photo):
    named = invprob.solve(truth=photo, **WALK)
    given = invprob.solve(truth=photo, **WALK | {"solver": toys.Walk(toys.WalkParams(steps=4))})
    assert torch.equal(named.samples, given.samples)
    assert given.experiment.generator.name == "linear"


def test_a_solver_of_ones_own_without_a_generator_is_warned_of():
    class Own(toys.Walk):
        params_type = toys.WalkParams

    truth = torch.full((1, 16, 16), 0.5)
    with pytest.warns(UserWarning, match="Own is given no generator"), pytest.raises(Incompatible):
        invprob.solve(truth=truth, **WALK | {"solver": Own(steps=4)})


@pytest.mark.parametrize(
    ("y", "truth", "said"),
    [
        (None, None, "neither y nor truth"),
        (torch.zeros(1, 16, 16), torch.zeros(1, 16, 16), "both y and truth"),
        (torch.zeros(3, dtype=torch.long), None, "y is of type torch.int64"),
        (torch.full((1, 16, 16), torch.nan), None, "NaN or infinity in 256"),
        (None, torch.full((1, 16, 16), 2.0), "reaches from 2 to 2"),
        (None, torch.zeros(2, 16), "shape (2, 16)"),
        (None, torch.zeros(1, 0, 16), "is empty"),
        (None, ["nowhere.png"], "no file or folder nowhere.png"),
        (None, torch.zeros(1, 8, 8), "8×8 pixels"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(y, truth, said):
    with pytest.raises(InvprobError) as caught:
        invprob.solve(y, truth=truth, **WALK)
    assert said in caught.value.message


def test_a_folder_is_kept_only_if_asked_for(photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    assert invprob.solve(truth=photo, **WALK).out is None
    assert set(tmp_path.iterdir()) == before
    kept = invprob.solve(truth=read(photo, 1), **WALK, out="kept")
    again = invprob.solve(kept.out / "measurement.safetensors", **WALK)
    assert torch.equal(again.samples, kept.samples)
    assert kept.experiment.measurement == "kept/measurement.safetensors"
    with pytest.raises(BadInput, match="not empty"):
        invprob.solve(truth=photo, **WALK, out="kept")


def test_a_stopped_run_is_resumed(photo, tmp_path):
    whole = invprob.solve(truth=photo, **WALK)
    seen = []

    def stop(progress):
        seen.append(progress.state.step)
        return progress.state.step == 2

    stopped = invprob.solve(truth=photo, **WALK, callbacks=[stop], out=tmp_path / "run")
    assert seen[-1] == 2
    assert (stopped.steps, stopped.complete) == (2, False)
    assert "stopped after step 2" in repr(stopped)
    assert read(tmp_path / "run" / "mean" / "photo.png", 1).shape == (1, 16, 16)
    resumed = invprob.resume(tmp_path / "run")
    assert torch.equal(resumed.samples, whole.samples)
    assert resumed.complete


def test_a_run_of_objects_is_not_resumed(photo, tmp_path):
    solver = toys.Walk(toys.WalkParams(steps=3))
    out = tmp_path / "run"
    invprob.solve(truth=photo, **WALK | {"solver": solver}, callbacks=[lambda _: True], out=out)
    with pytest.raises(UnknownComponent, match="given an object, which is not kept") as caught:
        invprob.resume(out)
    assert caught.value.hint == "name every component by a text, to resume a run"


def test_a_run_stopped_from_a_callback_returns_what_there_is(photo):
    short = invprob.solve(truth=photo, **WALK | {"solver": "walk:steps=2"})
    stopped = invprob.solve(truth=photo, **WALK, callbacks=[lambda p: p.state.step == 2])
    assert torch.equal(stopped.samples, short.samples)
    assert torch.equal(stopped.mean, short.mean)
    assert stopped.out is None
    assert stopped.metrics[0]["psnr_mean"] == short.metrics[0]["psnr_mean"]


def test_ctrl_c_keeps_a_run_with_a_folder_and_ends_one_without(photo, tmp_path):
    def interrupt(progress):
        if progress.state.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        invprob.solve(truth=photo, **WALK, callbacks=[interrupt], out=tmp_path / "run")
    assert not (tmp_path / "run" / "result.safetensors").exists()
    whole = invprob.solve(truth=photo, **WALK)
    assert torch.equal(invprob.resume(tmp_path / "run").samples, whole.samples)
    with pytest.raises(KeyboardInterrupt):
        invprob.solve(truth=photo, **WALK, callbacks=[interrupt])


def test_old_names_are_accepted_with_a_notice(photo):
    seen = []
    run = {key: value for key, value in WALK.items() if key != "num_samples"}
    with pytest.warns(FutureWarning, match="is called") as caught:
        found = invprob.solve(truth=photo, **run, samples=2, observe=[seen.append])
    assert [str(w.message).partition(" now")[0] for w in caught] == [
        "solve(samples=…) is called num_samples=",
        "solve(observe=…) is called callbacks=",
    ]
    assert found.samples.shape[1] == 2
    assert len(seen) == 4
    with pytest.warns(FutureWarning, match=r"invprob\.datasets\.faces"):
        assert invprob.samples(1).shape == (1, 3, 64, 64)
    from invprob import callback

    with pytest.warns(FutureWarning, match="CallbackContext"):
        assert callback.Run is invprob.CallbackContext


def test_composed_objects_are_those_of_the_run(photo):
    run = {key: value for key, value in WALK.items() if key != "num_samples"}
    parts = invprob.compose(**run)
    found = invprob.solve(truth=photo, **WALK)
    problem = parts.problem(found.y, 2, 0)
    *_, last = parts.solver.run(problem)
    result = parts.solver.result(problem, last.state)
    assert torch.equal(result.image, found.samples[0])


class Tags(html.parser.HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def test_notebooks_see_picture_and_table(tmp_path):
    path = tmp_path / "<script>alert(1)<b>.png"
    Image.linear_gradient("L").resize((16, 16)).save(path)
    found = invprob.solve(truth=path, **WALK)
    found = dataclasses.replace(
        found, metrics=[row | {"image": "<script>x</script>"} for row in found.metrics]
    )
    page = Tags()
    page.feed(found._repr_html_())
    assert set(page.tags) <= {"img", "table", "thead", "tbody", "tr", "th", "td", "p"}
    assert "<script>x</script>" in page.text
    assert "PSNR mean" in page.text
    assert "walk:" in page.text
    assert found.summary.startswith(b"\x89PNG")
    assert repr(found).startswith("<Solution: 1 × 2 samples by walk")


def test_importing_invprob_imports_nothing_heavy():
    script = (
        "import sys, invprob; dir(invprob); heavy = {'torch', 'numpy', 'pydantic', 'rich'};"
        "assert not heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    with pytest.raises(AttributeError, match="nothing"):
        _ = invprob.nothing


def test_bundled_samples():
    assert invprob.datasets.faces(2).shape == (2, 3, 64, 64)
    with pytest.raises(BadInput, match="99 faces"):
        invprob.datasets.faces(99)


def test_help_explains_every_parameter():
    parameters = inspect.signature(invprob.solve).parameters
    text = inspect.getdoc(invprob.solve)
    assert all(f"\n    {name}: " in text for name in parameters)
    assert all(f"\n{section}:\n" in text for section in ("Args", "Returns", "Raises"))


def test_every_public_name_is_there():
    assert set(invprob.__all__) <= set(dir(invprob))
    assert all(getattr(invprob, name) is not None for name in invprob.__all__)
