"""Any environment: encodings, streams that are closed, no home, settings and names of others."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from invprob.cli import faults, streams
from invprob.weights import store
from tests.cli.conftest import INVPROB, WALK, Invoke


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "gbk", "utf-8"])
def test_toml_reads_back_in_any_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    shown = streams.exactly('name = "χ² √ 😀 é"')
    assert tomllib.loads(shown.encode(encoding).decode(encoding))["name"] == "χ² √ 😀 é"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("TERM", "dumb", False), ("NO_COLOR", "1", False), ("NO_COLOR", "", None)],
)
def test_colour(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: bool | None
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    assert streams.coloured() is expected


def test_progress_that_cannot_be_written_ends_nothing() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    assert streams.Patient(Full()).write("step 1") == 6
    streams.Patient(Full()).flush()


def test_a_file_that_is_too_large_is_one_sentence() -> None:
    fault = faults.explain(OSError(27, "File too large", "a"))
    assert fault is not None
    assert "larger than allowed" in fault.message


def test_without_a_home_bundled_weights_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("INVPROB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    assert (store.cache(), store.kept(), store.path("faces64")) == (None, {}, None)
    with pytest.raises(Exception, match="no home folder") as caught:
        store.folder()
    assert "INVPROB_CACHE" in caught.value.hint  # type: ignore[attr-defined]


def test_a_picture_that_fails_is_a_notice(
    invoke: Invoke, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invprob.plots import traces

    def fail(*_: object) -> bytes:
        raise ValueError("no such font")

    with monkeypatch.context() as patch:
        patch.setattr(traces, "traces", fail)
        said = invoke("solve", photo, *WALK, "--out", "out")
        assert said.status == 0
        assert "notice: out/trace.png could not be drawn (ValueError: no such font)" in said.err
        assert (tmp_path / "out" / "summary.png").is_file()
        assert "notice" not in invoke("resume", "out", "-q").err
    assert invoke("resume", "out", "-q").status == 0
    assert (tmp_path / "out" / "trace.png").is_file()


def test_plots_take_no_style_of_the_user(invoke: Invoke, photo: Path, tmp_path: Path) -> None:
    import matplotlib

    assert invoke("solve", photo, *WALK, "--out", "a", "-q").status == 0
    with matplotlib.rc_context(
        {"text.usetex": True, "figure.facecolor": "red", "savefig.dpi": 7, "font.family": "none"}
    ):
        assert invoke("solve", photo, *WALK, "--out", "b", "-q").status == 0
        assert matplotlib.rcParams["savefig.dpi"] == 7
    one, two = ((tmp_path / name / "trace.png").read_bytes() for name in "ab")
    assert one == two


def test_two_runs_of_one_second_get_two_folders(
    invoke: Invoke, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invprob.config.experiment import Experiment
    from invprob.runs import folder

    run = Experiment.parse({"solver": "walk", "operator": ["mask"]})
    monkeypatch.chdir(tmp_path)
    made = [folder.claim_default(run) for _ in range(3)]
    assert len(set(made)) == 3
    for path in made:
        folder.release(path)
    assert not (tmp_path / "runs").exists()
    assert invoke("solve", "missing.png", *WALK).status == 2
    assert not (tmp_path / "runs").exists()


def test_a_mask_that_is_gone_and_another_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from PIL import Image

    from invprob.config import registry
    from invprob.config.experiment import Experiment
    from invprob.runs import session
    from invprob.runs.loop import StopAfter
    from tests.conftest import TOYS

    found = registry.discover([TOYS, ("basics", "invprob_basics.plugin", "")])
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "hole.png"):
        Image.linear_gradient("L").resize((16, 16)).save(name)
    table = {
        "images": ["photo.png"], "solver": "walk:steps=4", "samples": 1, "noise": "gauss",
        "operator": ["inpaint:mask=hole.png"], "observe": ["csv:path=log.csv"],
    }  # fmt: skip
    experiment = Experiment.parse(table).resolve(found)
    whole = session.solve(experiment, found, tmp_path / "whole")
    session.solve(experiment, found, tmp_path / "run", lambda _: [StopAfter(2)])
    (tmp_path / "hole.png").unlink()
    (tmp_path / "run").rename(tmp_path / "moved")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    resumed = session.resume(found, tmp_path / "moved")
    assert torch.equal(resumed.samples, whole.samples)
    assert not list((tmp_path / "elsewhere").iterdir())


NO_INLINE = "module://no_such_package.backend"
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "backend of a notebook": {"MPLBACKEND": NO_INLINE},
    "no such backend": {"MPLBACKEND": "nonsense"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "dumb": {"TERM": "dumb", "NO_COLOR": "1"},
    "no utf-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "nothing": {"HOME": "", "XDG_CACHE_HOME": "/proc/none", "MPLCONFIGDIR": "/proc/none"},
    "warnings": {"PYTHONWARNINGS": "error"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("quiet", [True, False])
def test_solve_in(
    name: str, quiet: bool, photo: Path, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    command = [*INVPROB, "solve", photo.name, *WALK, "--out", "out", *(["-q"] if quiet else [])]
    told = {**environment, "INVPROB_PLUGINS": "toys", **ENVIRONMENTS[name]}
    done = subprocess.run(command, cwd=tmp_path, env=told, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "summary.png").is_file()
    assert not quiet or (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirection", "status"),
    [(">&-", 0), (">&- 2>&-", 0), ("2>&-", 0), ("<&- >&-", 0)],
)
def test_streams_that_are_closed(
    redirection: str, status: int, environment: Mapping[str, str], tmp_path: Path
) -> None:
    line = f"{sys.executable} -m invprob list solver {redirection}"
    done = subprocess.run(line, shell=True, cwd=tmp_path, env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (status, b"")


@pytest.mark.slow
def test_a_broken_matplotlibrc(photo: Path, tmp_path: Path, environment: Mapping[str, str]) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe text.usetex: True\n")
    told = {**environment, "INVPROB_PLUGINS": "toys", "MPLCONFIGDIR": str(tmp_path)}
    command = [*INVPROB, "solve", photo.name, *WALK, "--out", "out", "-q"]
    done = subprocess.run(command, cwd=tmp_path, env=told, capture_output=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert os.listdir(tmp_path / "out")
