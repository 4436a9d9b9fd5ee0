"""Plugins that fail, are slow, collide or are left out: nobody else suffers, and `list` tells."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import entrypoints
import pytest

from invprob.config.experiment import Experiment
from invprob.config.registry import discover, installed, left_out
from invprob.errors import AmbiguousComponent, BrokenPlugin

ROOT = Path(__file__).parents[2]
OURS = ("basics", "csgm", "dps", "ilo", "sgilo")
HEAD = "from invprob.plugin import Component, hookimpl\n"
SOUND = """
    @hookimpl
    def invprob_components():
        return [Component("{kind}", "{name}", "tests.toys:{target}", "tests.toys:{params}", "Toy.")]
"""
WALK = {"kind": "solver", "name": "dps", "target": "Walk", "params": "WalkParams"}
MASK = {"kind": "operator", "name": "inpaint", "target": "Mask", "params": "MaskParams"}

MANIFESTS = {
    "fails": "import no_such_module_at_all",
    "quits": "raise SystemExit(3)",
    "raises": "@hookimpl\ndef invprob_components():\n    raise RuntimeError('out of order')",
    "hookless": "x = 1",
    "misspelt": "@hookimpl\ndef invprob_component():\n    return []",
    "future": "@hookimpl\ndef invprob_components():\n"
    "    return [Component('noise', 'later', 'a:b', 'a:b', 'Later.', api=99)]",
    "chatty": "print('hello from chatty')" + textwrap.dedent(SOUND).format(**WALK | {"name": "c"}),
    "toy": textwrap.dedent(SOUND).format(**WALK),
    "greedy": textwrap.dedent(SOUND).format(**MASK),
    "slow": "import time\ntime.sleep(0.7)" + textwrap.dedent(SOUND).format(**WALK | {"name": "s"}),
}


@pytest.fixture
def site(tmp_path):
    """A folder in which our plugins and all of the odd ones are installed."""

    def install(distribution, points):
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        lines = [f"{name} = {module}" for name, module in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[invprob]", *lines, ""]))

    install("invprob", {name: f"invprob_{name}.plugin" for name in OURS})
    for name, source in MANIFESTS.items():
        (tmp_path / f"odd_{name}.py").write_text(HEAD + source)
        install(f"odd_{name}", {name: f"odd_{name}"})
    return tmp_path


def run(site, *line, **variables):
    path = [str(site), str(ROOT), str(ROOT / "plugins")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), **variables}
    return subprocess.run(
        [sys.executable, "-m", "invprob", *line],
        env=environment, cwd=site, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_odd_plugins_are_told_of_and_break_nothing(site):
    listed = run(site, "list", "--json", INVPROB_BLOCK="greedy")
    found = json.loads(listed.stdout)  # what chatty prints must not stand in it
    assert "hello from chatty" in listed.stderr
    assert set(found["broken"]) == {"fails", "quits", "raises", "hookless", "misspelt", "future"}
    for plugin, reason in {
        "fails": "No module named 'no_such_module_at_all'",
        "raises": "out of order",
        "hookless": "no hook invprob_components",
        "misspelt": "invprob_component",
        "future": "interface 99",
    }.items():
        assert reason in found["broken"][plugin]
    assert found["left_out"] == {"greedy": "blocked by INVPROB_BLOCK"}
    assert 0.5 < found["slow"]["slow"] < 20
    helped = run(site, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")


def test_a_namesake_breaks_no_run_that_does_not_name_it(site):
    dry = run(site, "solve", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert 'name = "basics.inpaint"' in dry.stdout
    bare = run(site, "solve", "--operator", "inpaint", "--dry-run")
    assert bare.returncode == 2
    assert "comes from several plugins" in bare.stderr
    assert "basics.inpaint or greedy.inpaint" in bare.stderr


def table(tmp_path, monkeypatch, *manifests):
    """The registry of some of the odd plugins, in this process."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in manifests:
        (tmp_path / f"in_{name}.py").write_text(HEAD + MANIFESTS[name])
        monkeypatch.delitem(sys.modules, f"in_{name}", raising=False)
    ours = [(name, f"invprob_{name}.plugin", "") for name in OURS]
    return discover([*ours, *((name, f"in_{name}", "") for name in manifests)])


def test_namesakes_are_told_apart(tmp_path, monkeypatch):
    found = table(tmp_path, monkeypatch, "toy", "greedy")
    with pytest.raises(AmbiguousComponent) as caught:
        found.find("solver", "dps")
    assert caught.value.hint == "say dps.dps or toy.dps"
    assert found.find("solver", "toy.dps").plugin == "toy"
    whole = Experiment.parse({"solver": "dps.dps"}).resolve(found)
    assert whole.solver.name == "dps.dps"
    assert whole.operator[0].name == "basics.inpaint"
    assert whole.noise.name == "gaussian"
    assert whole.resolve(found) == whole


def test_a_plugin_that_is_not_loaded_says_why(tmp_path, monkeypatch):
    found = table(tmp_path, monkeypatch, "raises")
    for name in ("raises", "raises.thing"):
        with pytest.raises(BrokenPlugin, match="out of order"):
            found.find("solver", name)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "Big Name"}, "lower-case"),
        ({"target": "nowhere"}, "'module:name'"),
        ({"params": None}, "'module:name'"),
        ({"offers": "score"}, "offers is not a tuple"),
        ({"needs": None}, "needs is not a tuple"),
        ({"defaults": {"prior": "x"}}, "defaults is not a tuple"),
        ({"defaults": (("prior", 3),)}, "defaults is not a tuple"),
        ({"summary": None}, "summary is not a text"),
        ({"group": 3}, "group is not a text"),
        ({"kind": "sorcery"}, "unknown kind"),
    ],
)
def test_a_component_that_is_described_wrongly_breaks_its_plugin_only(
    tmp_path, monkeypatch, fields, said
):
    given = {"kind": "prior", "name": "odd", "target": "a:b", "params": "a:b", "summary": "."}
    text = f"@hookimpl\ndef invprob_components():\n    return [Component(**{given | fields!r})]"
    monkeypatch.setitem(MANIFESTS, "wrong", text)
    found = table(tmp_path, monkeypatch, "wrong")
    assert said in found.broken["wrong"]
    assert found.find("prior", "basics.gaussian")


def test_a_component_offered_twice_breaks_its_plugin(tmp_path, monkeypatch):
    one = "Component('noise', 'n', 'a:b', 'a:b', '.')"
    text = f"@hookimpl\ndef invprob_components():\n    return [{one}, {one}]"
    monkeypatch.setitem(MANIFESTS, "twice", text)
    assert "offered twice" in table(tmp_path, monkeypatch, "twice").broken["twice"]


def test_a_target_that_raises_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "in_exploding.py").write_text("raise ZeroDivisionError('at import')")
    text = (
        "@hookimpl\ndef invprob_components():\n"
        "    return [Component('noise', 'n', 'in_exploding:N', 'in_exploding:P', '.')]"
    )
    monkeypatch.setitem(MANIFESTS, "lazy", text)
    entry = table(tmp_path, monkeypatch, "lazy").find("noise", "n")
    with pytest.raises(BrokenPlugin, match="ZeroDivisionError: at import") as caught:
        entry.load()
    assert "INVPROB_BLOCK=lazy" in caught.value.hint


def points(tmp_path, monkeypatch, **distributions):
    for name, lines in distributions.items():
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_text(f"[invprob]\n{lines}\n")
    assert entrypoints, configparser  # loaded: nothing else can be, in what follows
    monkeypatch.setattr(sys, "path", [str(tmp_path)])


def test_plugins_of_one_name_are_called_by_their_distribution(tmp_path, monkeypatch):
    points(tmp_path, monkeypatch, one="toy = a.plugin\nown = c", two="toy = b.plugin")
    assert installed() == [
        ("own", "c", "one 1.0"),
        ("toy@one", "a.plugin", "one 1.0"),
        ("toy@two", "b.plugin", "two 1.0"),
    ]
    monkeypatch.setenv("INVPROB_BLOCK", "toy@two")
    assert [name for name, *_ in installed()] == ["own", "toy@one"]
    monkeypatch.setenv("INVPROB_BLOCK", "toy")
    assert [name for name, *_ in installed()] == ["own"]
    assert set(left_out()) == {"toy@one", "toy@two"}


def test_only_some_plugins(tmp_path, monkeypatch):
    points(tmp_path, monkeypatch, one="a = a\nb = b\nc = c")
    monkeypatch.setenv("INVPROB_PLUGINS", "a, b, lost")
    monkeypatch.setenv("INVPROB_BLOCK", "b")
    assert [name for name, *_ in installed()] == ["a"]
    assert left_out() == {
        "b": "blocked by INVPROB_BLOCK",
        "c": "not among INVPROB_PLUGINS",
        "lost": "INVPROB_PLUGINS asks for it, but it is not installed",
    }


DAMAGED = {
    "a key twice": b"[console_scripts]\na = b:c\na = d:e\n",
    "a section twice": b"[console_scripts]\na = b:c\n[console_scripts]\nd = e:f\n",
    "no section": b"a = b:c\n",
    "no equals sign": b"[console_scripts]\nnonsense\n",
    "another encoding": b"[console_scripts]\ncaf\xe9 = b:c\n",
    "UTF-16": "[console_scripts]\na = b:c\n".encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf[console_scripts]\na = b:c\n",
    "no text": bytes(range(256)),
    "a broken head": b"[[[broken",
    "a percent sign": b"[console_scripts]\na%s = b:%(c)s\n",
    "empty": b"",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_list_of_entry_points_is_passed_over(tmp_path, monkeypatch, name):
    points(tmp_path, monkeypatch, zulu="own = c")
    for stem in ("alpha", "zzz"):
        info = tmp_path / f"{stem}-1.0.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_bytes(DAMAGED[name])
    assert installed() == [("own", "c", "zulu 1.0")]


@pytest.mark.parametrize("name", sorted(DAMAGED.keys() - {"UTF-16", "no text"}))
def test_a_plugin_in_a_damaged_list_is_found(tmp_path, monkeypatch, name):
    points(tmp_path, monkeypatch)
    info = tmp_path / "one-1.0.dist-info"
    info.mkdir()
    text = DAMAGED[name] + b"\n[invprob]\nown = c\nown = d\n"
    (info / "entry_points.txt").write_bytes(text)
    assert installed() == [("own", "c", "one 1.0")]


def test_a_list_that_cannot_be_opened(tmp_path, monkeypatch):
    points(tmp_path, monkeypatch, own="own = c")
    (tmp_path / "odd-1.0.dist-info" / "entry_points.txt").mkdir(parents=True)
    (tmp_path / "gone-1.0.dist-info").mkdir()
    (tmp_path / "gone-1.0.dist-info" / "entry_points.txt").symlink_to("nowhere")
    (tmp_path / "odd.egg").write_bytes(b"PK\x03\x04 no zip file")
    sys.path.append(str(tmp_path / "odd.egg"))
    assert installed() == [("own", "c", "own 1.0")]


def test_ours_keep_their_names(tmp_path, monkeypatch):
    points(tmp_path, monkeypatch, another="csgm = bad.plugin", invprob="csgm = invprob_csgm.plugin")
    with pytest.warns(FutureWarning, match="has the name of one of ours, and is called"):
        found = installed()
    assert found == [
        ("csgm", "invprob_csgm.plugin", "invprob 1.0"),
        ("csgm@another", "bad.plugin", "another 1.0"),
    ]
