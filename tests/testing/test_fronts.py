"""The two front ends: a test function for pytest, and `invprob check`."""

import json
import subprocess
import sys

import pytest

from invprob import cli
from invprob.errors import BadParams, UnknownComponent
from invprob.plugin import hookimpl
from invprob.testing import conformance, trials
from invprob.testing.checks import CHECKS
from invprob.testing.renamed import RENAMED
from tests.testing.broken.operators import Clamped
from tests.testing.sound import Noise, component

MODULES = [
    ("sound", "tests.testing.sound", ""),
    ("flawed", "tests.testing.test_fronts", ""),
    ("lost", "tests.no_such_module", ""),
]


@hookimpl
def invprob_components():
    return [component("operator", Clamped), component("noise", Noise)]


@pytest.fixture
def in_pytest(tmp_path, capsys):
    """(exit status, output) of pytest on a file with the one line that an author writes."""

    def run(line):
        head = "from invprob.testing import conformance\n"
        head += "from tests.testing.test_fronts import MODULES\n"
        file = tmp_path / f"test_of_{tmp_path.name}.py"  # a module of its own
        file.write_text(f"{head}test_conformance = conformance({line}, modules=MODULES)\n")
        options = [
            "-q",
            "--import-mode=importlib",
            "-c",
            "/dev/null",
            "--rootdir",
            str(tmp_path),
            "-p",
            "no:cacheprovider",
        ]
        status = pytest.main([*options, str(file)])
        return status, capsys.readouterr().out

    return run


def test_a_broken_rule_fails_with_the_sentence_that_mends_it(in_pytest):
    status, out = in_pytest('"flawed.toy-operator"')
    assert status == 1
    assert "derive from `Operator` if it is not" in out.replace("\nE   ", " ")
    assert "seen: A(2u − 3v) differs" in out


def test_expected_failures_are_strict(in_pytest):
    expected = '{"toy-noise.scale-matches-draws": "is not so"}'
    status, out = in_pytest(f'"flawed.toy-noise", expected_failures={expected}')
    assert status == 1, out
    assert "[XPASS(strict)] is not so" in out, out


def test_expected_failures_name_a_check():
    with pytest.raises(
        BadParams, match=r"no check is called 'toy-noise.scale-matches-draw'"
    ) as caught:
        conformance(
            "sound", modules=MODULES, expected_failures={"toy-noise.scale-matches-draw": "typo"}
        )
    assert "toy-noise.scale-matches-draws" in caught.value.hint


def test_old_ids_are_accepted_with_a_notice():
    old = {"toy-noise.spread": "is not so"}
    with pytest.warns(FutureWarning, match=r"called 'toy-noise\.scale-matches-draws'") as caught:
        test = conformance("sound.toy-noise", modules=MODULES, expected_failures=old)
    assert caught[0].filename == __file__
    (mark,) = test.pytestmark
    (case,) = [case for case in mark.args[1] if case.id == "toy-noise.scale-matches-draws"]
    assert case.marks[0].kwargs["reason"] == "is not so"
    twice = {"toy-noise.scale-matches-draws": "is not so", **old}
    with pytest.raises(BadParams, match="named twice"):
        conformance("sound.toy-noise", modules=MODULES, expected_failures=twice)


def test_every_old_id_names_a_check():
    # checks of later versions have one name only
    assert set(RENAMED.values()) <= {check.name for check in CHECKS}


def test_names():
    targets = {trial.target for trial in trials("toy-noise", modules=MODULES)}
    assert targets == {"noise toy-noise"}
    one = trials("sound.toy-noise", modules=MODULES)
    assert len(trials("toy-noise", modules=MODULES)) == 2 * len(one)
    with pytest.raises(UnknownComponent, match="toy-nose"):
        trials("toy-nose", modules=MODULES)
    with pytest.raises(BadParams, match="no such parameter"):
        trials("sound.toy-noise:sigma=1", modules=MODULES)
    with pytest.raises(BadParams, match="toy-nose"):
        trials("sound", {"toy-nose": {}}, MODULES)


def test_a_plugin_that_does_not_load_fails_its_first_check():
    (first, *_) = trials("lost", modules=MODULES)
    assert first.name == "lost.manifest-loads"
    assert "no_such_module" in first.run().seen


@pytest.fixture
def check(plugins, capsys):
    """Run `invprob check` where the toys are installed; (exit status, stdout, stderr)."""
    plugins(*MODULES)

    def run(*args):
        status = cli.call(["check", *args])
        return status, *capsys.readouterr()

    return run


def test_the_report_counts_and_explains(check):
    status, out, _ = check("flawed")
    assert status == 1
    lines = out.splitlines()
    assert lines[2].split() == ["plugin", "flawed", "1", "1"]
    assert "failed: toy-operator.map-is-linear" in lines
    assert "  seen: A(2u − 3v) differs" in out
    assert lines[-1].endswith("checks failed")
    assert "\x1b" not in out


def test_quiet_names_what_fails_and_nothing_else(check):
    status, out, _ = check("-q", "flawed")
    assert status == 1
    assert "failed: toy-operator.map-is-linear" in out.splitlines()
    assert "passed" not in out


def test_what_keeps_the_rules_exits_with_zero(check):
    status, out, _ = check("sound.toy-noise")
    assert status == 0
    assert out.splitlines()[-1] == "27 checks passed"
    assert check("-q", "sound.toy-noise") == (0, "", "")


def test_json(check):
    status, out, _ = check("flawed.toy-operator", "--json")
    assert status == 1
    found = {row["check"]: row for row in json.loads(out)}
    assert found["toy-operator.map-is-linear"]["status"] == "failed"
    assert found["toy-operator.map-is-linear"]["rule"].startswith("A must be linear")
    assert found["toy-operator.summary-is-one-line"] == {
        "target": "operator toy-operator",
        "check": "toy-operator.summary-is-one-line",
        "status": "passed",
        "rule": found["toy-operator.summary-is-one-line"]["rule"],
        "seen": "",
    }


def test_what_is_asked_for_amiss_is_a_sentence(check):
    status, _, err = check("toy-nose")
    assert status == 2
    assert "no plugin or component is called 'toy-nose'" in err
    assert "did you mean 'toy-noise'?" in err


def test_the_kit_needs_no_pytest_and_no_plugin():
    script = """
import sys
from invprob.testing import trials
from invprob.testing.checks import CHECKS
print(sorted(n for n in sys.modules if n.partition(".")[0] in ("pytest", "_pytest")
    or n.startswith("invprob_")))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
