"""A stranger's package and ours, as wheels, in a fresh environment; and our sets one by one."""

from __future__ import annotations

import json
import re
import shutil
import tomllib

import pytest

from invprob import scaffold
from invprob.config.registry import Registry
from tests.scaffold.environment import ROOT, fresh, lines, wheel

SETS = ("basics", "csgm", "dps", "ilo", "sgilo")
USES = {
    "solver": ("--solver", "stranger:steps=4,descent=2,burn_in=3", "--generator", "NAME"),
    "operator": ("--operator", "stranger", "--solver", "csgm:steps=3"),
    "prior": ("--prior", "stranger", "--solver", "csgm:steps=3"),
    "generator": ("--generator", "stranger:rank=3", "--solver", "csgm:steps=3"),
}
SUITE = {
    "solver": """
limit = 1
samples = 1
operators = ["identity"]
[[method]]
solver = "stranger:steps=4,descent=2,burn_in=3"
""",
    "operator": """
limit = 1
samples = 1
operators = ["stranger"]
[[method]]
solver = "csgm:steps=3"
""",
}
SHORT = ("--limit", "1", "--samples", "1", "--json", "--out", "run")


def journey(tmp_path, kind, further=True):
    """Install, list, solve, check, bench and uninstall a package as `invprob new` writes it.

    Check and bench are the `further` part, which tests/testing and tests/bench show of others.
    """
    scaffold.create("stranger", kind, tmp_path / "source", Registry())
    ours, strangers = wheel(ROOT, tmp_path), wheel(tmp_path / "source", tmp_path)
    place = fresh(tmp_path)
    place.install(ours)
    before = place.files()
    place.install(strangers)
    assert lines(place.invprob("list", kind), ["stranger", "stranger"])
    use = [word.replace("NAME", "stylegan2") for word in USES[kind]]
    found = json.loads(place.invprob("solve", *use, *SHORT, "--quiet"))
    assert found["images"][0]["psnr_mean"] > 5
    if further:
        assert "checks passed" in place.invprob("check", "stranger")
    if further and kind in SUITE:
        (place.folder / "suite.toml").write_text(SUITE[kind])
        assert "stranger" in place.invprob("bench", "suite.toml")
    place.uninstall("invprob-stranger")
    assert place.files() == before
    assert not lines(place.invprob("list"), ["stranger"])
    assert "no solver is called 'stranger'" in place.invprob(
        "solve", "--solver", "stranger", fails=True
    )


def test_a_strangers_solver_comes_and_goes(tmp_path):
    journey(tmp_path, "solver", further=False)


@pytest.mark.slow
@pytest.mark.parametrize("kind", USES)
def test_a_strangers_package_comes_and_goes(tmp_path, kind):
    journey(tmp_path, kind)


def lifted(name, folder):
    """The sources of a set as a distribution of its own, with a pyproject.toml of ten lines."""
    shutil.copytree(ROOT / "plugins" / f"invprob_{name}", folder / f"invprob_{name}")
    (folder / "pyproject.toml").write_text(
        f"""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "invprob-{name}"
version = "9.9"
[project.entry-points.invprob]
{name} = "invprob_{name}.plugin"
[tool.hatch.build.targets.wheel]
packages = ["invprob_{name}"]
"""
    )


def core(folder):
    """The sources of invprob without any set."""
    shutil.copytree(ROOT / "invprob", folder / "invprob")
    text = (ROOT / "pyproject.toml").read_text()
    text = re.sub(r"\[project.entry-points.invprob\]\n(\w+ = .*\n)+", "", text)
    text = re.sub(r'  "plugins/invprob_\w+",\n', "", text)
    text = re.sub(r"license-files = .*\n|readme = .*\n", "", text)
    assert "entry-points" not in tomllib.loads(text)["project"]
    (folder / "pyproject.toml").write_text(text)


def untrained(folder):
    """A prior of 16 × 16 pixels, of a diffusion network that has learned nothing."""
    diffusers = pytest.importorskip("diffusers")
    net = diffusers.UNet2DModel(
        sample_size=16, layers_per_block=1, block_out_channels=(8, 8), norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    diffusers.DDPMPipeline(net, diffusers.DDPMScheduler()).save_pretrained(folder)
    return f"pixel-diffusion:weights={folder}"


@pytest.mark.slow
def test_every_set_works_as_a_distribution_of_its_own(tmp_path):
    (tmp_path / "core").mkdir()
    core(tmp_path / "core")
    place = fresh(tmp_path)
    place.install(wheel(tmp_path / "core", tmp_path))
    assert json.loads(place.invprob("list", "--json"))["components"] == []
    for name in SETS:
        source = tmp_path / name
        source.mkdir()
        lifted(name, source)
        place.install(wheel(source, tmp_path))
        found = json.loads(place.invprob("list", "--json"))
        assert found["broken"] == {}
        assert {c["distribution"] for c in found["components"] if c["plugin"] == name} == {
            f"invprob_{name} 9.9"
        }
    runs = {
        "csgm": ("--solver", "csgm:steps=2"),
        "ilo": ("--solver", "ilo:steps=2,2,2"),
        "sgilo": ("--solver", "sgilo:stages=1,3,steps=4,4,anneal=1"),
        "dps": ("--solver", "dps:steps=3", "--prior", untrained(tmp_path / "ddpm"), "--resize"),
        "basics": ("--solver", "csgm:steps=2", "--operator", "blur|superres", "--noise", "poisson"),
    }
    for name, words in runs.items():
        said = place.invprob("solve", *words, *SHORT[:-1], name, "--quiet")
        assert json.loads(said)["images"][0]["psnr_mean"] is not None
    for name in reversed(SETS):
        place.uninstall(f"invprob-{name}")
    assert json.loads(place.invprob("list", "--json"))["components"] == []
