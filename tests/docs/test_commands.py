"""Every `invprob` command that README and the pages show is run, with fewer steps than it says.

Those of the long pages take minutes; what other pages show of them is run there. What README solves
is solved there, unless a page goes on with the run.
"""

import contextlib
import functools
import importlib
import io
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from invprob import cli, seeds
from invprob.cli.posterior import FAILED
from invprob.config import registry
from invprob.io import images
from invprob.mask_page.server import MaskServer
from invprob.validation import runner
from tests.plugins.dps.guided_diffusion import guided_layout
from tests.plugins.sgilo.published import layouts

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    *(
        str(page.relative_to(ROOT))
        for folder in ("tutorials", "how-to", "explanation")
        for page in sorted((ROOT / "docs" / folder).glob("*.md"))
    ),
]
LONG = {"docs/how-to/training.md"}
STEPS = {
    "sgilo": [
        *("--set", "solver.steps=10", "--set", "solver.anneal=0.2"),
        *("--set", "solver.fisher_probes=2"),
    ],
    "ilo": ["--set", "solver.steps=2,2,2"],
    "csgm": ["--set", "solver.steps=2"],
    "dps": ["--set", "solver.steps=2"],
    "pnp": ["--set", "solver.steps=2"],
    "hmc": ["--set", "solver.steps=8", "--set", "solver.leapfrog=2"],
    "my-sampler": [
        *("--set", "solver.steps=9", "--set", "solver.descent=3"),
        *("--set", "solver.burn_in=6"),
    ],
}
FEW = {
    "train generator": ["--set", "kimg=1", "--set", "channel_max=16", "--set", "batch=25"],
    "train vae": ["--set", "kimg=1"],
    "train prior": ["--set", "steps=2", "--set", "batch=2", "--set", "validate_every=2"],
    "train diffusion": ["--set", "kimg=1", "--set", "batch=500"],
    "sample": ["--count", "2"],
    "naturalize": ["--steps", "2", "--sampler", "ancestral:steps=2"],
    "invert": ["--set", "steps=2"],
}
"""What makes a command short."""
JUDGED = {"solver.sgilo": "sgilo:steps=40", "solver.dps": "dps:steps=20"}
"""Solvers that are judged with fewer steps, each of which is for hundreds of chains."""
PHOTOGRAPHS = {"old.png", "marked.png", "thumbnail.png", "blurry.png", "noisy.png", "good.png"}
"""Pictures that are not 64×64, which go to pnp where no solver is named."""
STILL_LIFE = "docs/images/still-life.webp"
SUITE = """
operators = ["identity"]
limit = 1
samples = 1
[[method]]
name = "sgilo"
solver = "csgm:steps=1,restarts=1"
"""


def commands(page: str) -> list[list[str]]:
    """The words of the `invprob` commands in the page's shell blocks, in order, and of
    `pip install -e FOLDER`, which installs a plugin that was just written."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    parts = [part for line in lines for part in line.split("&&")]
    shown = [p.strip() for p in parts if p.strip().startswith(("invprob ", "pip install -e "))]
    return [shlex.split(p, comments=True) for p in shown]


def shortened(arguments: list[str]) -> list[str]:
    """The same command with few steps, without its first word."""
    arguments = arguments[1:]
    verb = arguments[0]
    if verb == "solve":
        own = "pnp" if {*PHOTOGRAPHS, STILL_LIFE} & set(arguments) else "sgilo"
        spec = arguments[arguments.index("--solver") + 1] if "--solver" in arguments else own
        steps = [
            text.replace("steps=10", "steps=1,10") if "stages=1,2" in spec else text
            for text in STEPS.get(spec.partition(":")[0], [])
        ]
        return [*arguments, *steps, "--limit", "1", "--samples", "1"]
    if verb == "run":
        return [*arguments, *STEPS["sgilo"], "--set", "samples=1"]
    key = f"{verb} {arguments[1]}" if verb == "train" else verb
    if verb == "bench":
        rest = arguments[2:] if arguments[1:] and arguments[1].endswith(".toml") else arguments[1:]
        if "--scheduler" in rest:
            rest = rest[:-2]  # there is no cluster here; tests/bench starts one
        if "--workers" in rest:  # each takes the time of a process
            rest[rest.index("--workers") + 1] = "1"
        return ["bench", "suite.toml", *rest]
    if verb == "check" and "--posterior" in arguments:
        return [JUDGED.get(word, word) for word in arguments]
    if verb == "mask":
        return [*arguments, "--no-browser"]
    return [*arguments, *FEW.get(key, [])]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with the files that the pages speak of."""
    folder = tmp_path_factory.mktemp("files")
    with contextlib.chdir(folder):
        write_files()
    return folder


@pytest.fixture
def desk(files, tmp_path, monkeypatch):
    """A copy of these files, where commands are run."""
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INVPROB_CACHE", str(tmp_path / "cache"))
    return tmp_path


def write_files():
    faces = [file.read(3) for file in images.bundled()]
    large = torch.nn.functional.interpolate(faces[0][None], (90, 120))[0]
    for name in ("photo.png", "portrait.png"):
        images.write_png(Path(name), large)
    Path("pictures").mkdir()
    for i in range(2):
        images.write_png(Path(f"pictures/{i}.png"), faces[i])
    with zipfile.ZipFile("pictures.zip", "w") as archive:
        for i in range(20):
            dim = faces[i % len(faces)] * (0.8 + 0.01 * i)
            images.write_png(Path("x.png"), dim)
            archive.write("x.png", f"{i // 2}/{i}.png")
    hole = torch.ones(1, 64, 64)
    hole[:, 20:40, 20:40] = 0
    images.write_png(Path("hole.png"), hole)
    images.write_png(Path("damaged.png"), faces[0] * hole)
    images.write_png(Path("blurred.png"), faces[0])
    images.write_png(Path("small.png"), torch.nn.functional.avg_pool2d(faces[0], 4))
    images.write_png(Path("kernel.png"), torch.ones(1, 5, 5))
    photograph = large[:, :60, :80]
    for name in PHOTOGRAPHS - {"marked.png", "noisy.png"}:
        images.write_png(Path(name), photograph)
    Path(STILL_LIFE).parent.mkdir(parents=True)
    Image.open(ROOT / STILL_LIFE).reduce(4).save(STILL_LIFE)
    noise = torch.randn(photograph.shape, generator=seeds.stream(1))
    images.write_png(Path("noisy.png"), photograph + 0.05 * noise)
    marked = photograph.clone()
    marked[:, 20:23, 10:60] = torch.tensor([1.0, 0.0, 1.0])[:, None, None]
    images.write_png(Path("marked.png"), marked)
    y = torch.randn(round(0.1 * 3 * 64 * 64), generator=seeds.stream(0))
    np.savez("y.npz", measurement=y.numpy())
    Path("suite.toml").write_text(SUITE)
    spec = layouts.Spec()
    layouts.write_pickle(Path("ffhq.pkl"), layouts.nvlabs_tree(spec, layouts.random_weights(spec)))
    torch.save(layouts.score_weights(tokens=8, channels=spec.w), "latent.pth")
    torch.save(layouts.score_weights(tokens=16, channels=spec.most), "layer1.pth")
    images.write_png(Path("face.png"), torch.nn.functional.avg_pool2d(faces[0], 2))
    unet = guided_layout.UNet(multipliers=(1, 1, 1, 1, 1, 2), attention=())
    torch.save(guided_layout.random_unet(unet), "ffhq_10m.pt")


def painted(page, poll_interval=0.5):
    """What a visitor of the page of `invprob mask` does: paint a scratch and save."""
    pen = np.zeros((*page.size, 4), np.uint8)
    pen[10:12, 5:40, 3] = 255
    file = io.BytesIO()
    Image.fromarray(pen).save(file, "PNG")
    page.save(file.getvalue())


@pytest.fixture
def install(desk, monkeypatch):
    """Install the package in a folder; it is gone after the test."""
    site, modules = desk / "site", set(sys.modules)
    monkeypatch.syspath_prepend(site)

    def pip(folder):
        words = ["pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", site]
        subprocess.run([sys.executable, "-m", *words, f"./{folder}"], check=True)
        registry.registry.cache_clear()
        importlib.invalidate_caches()

    yield pip
    registry.registry.cache_clear()
    for name in set(sys.modules) - modules:
        if str(site) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=pytest.mark.slow) if p in LONG else p for p in PAGES]
)
def test_the_commands_of_a_page_work(page, install, capsys, monkeypatch):
    monkeypatch.setattr(MaskServer, "serve_forever", painted)
    few = functools.partial(runner.validate_all, problems=3, chains=9)
    monkeypatch.setattr(runner, "validate_all", few)
    elsewhere = [] if page in LONG else [c for p in LONG for c in commands(p)]
    if page != "README.md" and not any("runs/…" in w for c in commands(page) for w in c):
        elsewhere += [c for c in commands("README.md") if c[1:2] == ["solve"]]
    for words in (c for c in commands(page) if c not in elsewhere):
        if words[0] == "pip":
            install(words[-1])
            continue
        runs = sorted(Path("runs").glob("*")) if Path("runs").is_dir() else []
        given = [a.replace("runs/…", str(runs[-1])) if runs else a for a in shortened(words)]
        allowed = (0, FAILED) if "--posterior" in given else (0,)  # its finding is the page's point
        assert cli.call(given) in allowed, f"{shlex.join(given)}\n{capsys.readouterr().err}"


def test_there_are_commands_to_run():
    assert sum(len(commands(page)) for page in PAGES) > 30
