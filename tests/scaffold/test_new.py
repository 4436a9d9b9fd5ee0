"""`invprob new`: what it writes works, and what it cannot write it refuses."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import torch

import invprob
from invprob import cli, scaffold
from invprob.config import registry
from invprob.config.registry import discover
from invprob.errors import BadInput
from invprob.generator import Generator
from tests.conftest import TOYS

OURS = [(name, f"invprob_{name}.plugin", "") for name in ("basics", "csgm", "sgilo")]


@pytest.fixture
def plugin(tmp_path, monkeypatch, plugins):
    """Write the package of a kind, and register it beside the toys and some of ours."""

    def make(kind, name="my-own"):
        folder = tmp_path / name
        names = scaffold.substitutions(name, kind)
        scaffold.create(name, kind, folder, discover([TOYS, *OURS]))
        monkeypatch.syspath_prepend(str(folder))
        importlib.invalidate_caches()
        for module in [m for m in sys.modules if m.partition(".")[0] == names["package"]]:
            monkeypatch.delitem(sys.modules, module)
        plugins(TOYS, *OURS, (name, f"{names['package']}.plugin", ""))
        return folder

    return make


TOY = {"noise": "gauss", "num_samples": 2}


def test_a_solver_samples_the_posterior_of_the_toy(plugin):
    plugin("solver")
    spec = "my-own:steps=900,descent=50,burn_in=200,step_size=0.001"
    truth = torch.stack(list(truths(2)))
    own = invprob.solve(
        truth=truth, solver=spec, operator="mask", generator="linear", prior="normal",
        **TOY | {"num_samples": 6},
    )  # fmt: skip
    mean, std = posterior(own.y, own.experiment)
    assert (own.mean - mean).abs().max() < 0.5 * std.max()
    assert (own.std / std).mean() == pytest.approx(1, abs=0.15)
    assert all(row["chi2_mean"] < 1.2 for row in own.metrics)


def truths(count):
    from tests import toys

    G = toys.Linear(toys.LinearParams())
    rng = torch.Generator().manual_seed(1)
    return G(0.3 * torch.randn(count, 6, generator=rng))


def posterior(y, experiment):
    """Mean and standard deviation of the image under the toys' linear Gaussian model."""
    from tests import toys

    G = toys.Linear(toys.LinearParams())
    A = toys.Mask(toys.MaskParams(), toys.SHAPE, 0)
    J = torch.stack([(G(z[None]) - 0.5).flatten() for z in torch.eye(6)], 1)
    seen = A.mask.flatten()[:, None] * J
    sigma = toys.GaussParams().sigma
    covariance = torch.linalg.inv(torch.eye(6) + seen.T @ seen / sigma**2)
    z = (y - 0.5 * A.mask).flatten(1) @ seen @ covariance.T / sigma**2
    std = (J @ covariance @ J.T).diagonal().sqrt()
    return (0.5 + z @ J.T).reshape(-1, *toys.SHAPE), std.reshape(toys.SHAPE)


def test_an_operator_has_an_adjoint_and_keeps_what_it_is_told(plugin):
    plugin("operator")
    A = invprob.compose(
        operator="my-own:keep=0.5,centre=0.2", noise="gauss", solver="walk",
        generator="linear", prior="normal",
    ).operator  # fmt: skip
    assert A.out_shape == (1, 8, 16, 2)
    x, y = torch.randn(2, 1, 16, 16), torch.randn(2, *A.out_shape)
    assert (A(x) * y).sum() == pytest.approx(float((x * A.adjoint(y)).sum()), rel=1e-4)
    assert torch.allclose(A(A.pinv(A(x))), A(x), atol=1e-4)
    assert {0, 1, 15} <= set(A.rows.tolist())
    found = invprob.solve(truth=truths(1), solver="walk:steps=3", operator="my-own", **TOY)
    assert found.mean.shape == (1, 1, 16, 16)


def test_a_prior_has_the_proximal_map_of_its_density(plugin):
    plugin("prior")
    entry = registry.registry().find("prior", "my-own")
    h = entry.load()(entry.params()(std=0.5, knee=1.2), None, 0)
    x = (6 * torch.randn(3, 40, generator=torch.Generator().manual_seed(0))).requires_grad_()
    u = h.prox(x.detach(), 0.3).requires_grad_()
    (gradient,) = torch.autograd.grad(-h.log_density(u).sum(), u)
    assert torch.allclose(x - u, 0.3 * gradient, atol=1e-5)
    assert h.log_density(x).shape == (3,)
    run = {"solver": "walk:steps=3", "operator": "mask"} | TOY
    assert invprob.solve(truth=truths(1), prior="my-own", **run).mean.isfinite().all()


def test_a_generator_knows_the_images_it_learned_from(plugin):
    plugin("generator")
    entry = registry.registry().find("generator", "my-own")
    G = entry.load()(entry.params()(size=16, rank=9))
    assert isinstance(G, Generator)
    z = G.sample(4, torch.Generator().manual_seed(0))
    assert G(z).shape == (4, 3, 16, 16)
    assert torch.equal(G(G(z, stop=1), start=1), G(z))
    # all but one component of the bundled samples span them
    sample = torch.nn.functional.interpolate(
        invprob.datasets.faces(1), (16, 16), mode="bicubic", antialias=True
    ).clamp(0, 1)
    code = ((sample.flatten(1) - G.mean) @ G.components.T) / G.scale
    assert torch.allclose(G(code), sample, atol=1e-3)


@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_a_package_is_complete_and_tidy(plugin, kind):
    folder = plugin(kind)
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["invprob"] == {"my-own": "invprob_my_own.plugin"}
    test = (folder / "tests" / "test_conformance.py").read_text()
    assert 'test_conformance = conformance("my-own")' in test
    for file in folder.rglob("*"):
        assert not file.is_file() or "$" not in file.read_text()
    entry = registry.registry().find(kind, "my-own")
    assert entry.component.summary.endswith(".")
    assert entry.params().model_config["json_schema_extra"]["examples"]
    assert callable(entry.load())
    ruff = shutil.which("ruff")
    if ruff:
        plain = ["--isolated", "--line-length=100", "-q", "."]
        rules = "--select=E,F,W,I,UP,B,SIM,RET,PIE,C4"
        subprocess.run([ruff, "format", "--check", *plain], cwd=folder, check=True)
        subprocess.run([ruff, "check", rules, *plain], cwd=folder, check=True)


def test_class_names_do_not_hide_what_the_templates_import():
    imported = set()
    for template in scaffold.TEMPLATES.rglob("*.py.tmpl"):
        for line in re.findall(r"^(?:from|import) .*", template.read_text(), re.M):
            imported |= set(re.findall(r"(?<!\{)\b[A-Z]\w*", line.replace("${title}", "_")))
    assert imported - {"_Params"} == scaffold.IMPORTED
    assert scaffold.substitutions("linear-operator", "operator")["title"] == "MyLinearOperator"
    assert scaffold.substitutions("none", "prior")["title"] == "MyNone"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Upper", "is not a name"), ("3d", "is not a name"), ("a b", "is not a name"),
        ("", "is not a name"), ("a--b", "is not a name"), ("../x", "is not a name"),
        ("basics", "a plugin is called 'basics'"),
        ("walk", "solver 'walk' is offered by plugin 'toys'"), ("é", "is not a name"),
    ],
)  # fmt: skip
def test_a_name_that_is_none_or_is_taken_is_refused(tmp_path, name, said):
    with pytest.raises(BadInput) as caught:
        scaffold.create(name, "solver", tmp_path / "new", discover([TOYS, *OURS]))
    assert said in caught.value.message
    assert not (tmp_path / "new").exists()


def test_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.call(["new", "my-own", "--kind", "prior"]) == 0
    said = capsys.readouterr().out
    assert "invprob-my-own/invprob_my_own/prior.py\n" in said
    assert "pip install -e invprob-my-own" in said
    assert cli.call(["new", "my-own", "--kind", "prior"]) == 2
    assert "invprob-my-own exists and is not empty" in capsys.readouterr().err
    assert cli.call(["new", "other", "--kind", "sorcery"]) == 2
    (tmp_path / "file").touch()
    assert cli.call(["new", "other", "--kind", "prior", "--out", "file/deep"]) == 2
    assert "cannot be written" in capsys.readouterr().err
