import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from invprob.bench import suite_file
from invprob.bench.suite import Suite
from invprob.bench.toml_lines import line_of, places
from invprob.config.registry import registry
from invprob.errors import BadParams, InvprobError

GOOD = """name = "good"
operators = ["mask"]
noise = ["gauss"]

[[method]]
solver = "walk"

[[method]]
name = "again"
solver = "walk:steps=3"
"""


def read(tmp_path: Path, text: str) -> Suite:
    path = tmp_path / "suite.toml"
    path.write_text(text)
    return suite_file.read(path, registry())


def test_the_suite_of_the_page_on_comparing_methods_is_one(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "how-to" / "comparing-methods.md"
    text = page.read_text(encoding="utf-8")
    picture = io.BytesIO()
    Image.new("RGB", (64, 64)).save(picture, "PNG")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as made:
        made.writestr("a.png", picture.getvalue())
    suite = read(tmp_path, text.partition("```toml\n")[2].partition("```")[0])
    assert suite.name == "faces"
    assert suite.tasks_by_group()["few"]
    assert len(suite.method) == 2


def test_lines_are_those_of_the_file():
    text = '# a\nx = 1\n[[m]]\na = 1\n[[m]]\n  a.b = 2\n[[m.o]]\nq = 1\n[t."u"]\nv = 1\n'
    found = places(text)
    assert found[("x",)] == 2
    assert found[("m", 0, "a")] == 4
    assert found[("m", 1)] == 5
    assert found[("m", 1, "a", "b")] == 6
    assert found[("m", 1, "o", 0, "q")] == 8
    assert found[("t", "u", "v")] == 10
    assert line_of(text, ("m", 1, "nothing")) == 5
    assert line_of(text, ("nothing",)) == 1


def test_the_grid_and_the_overrides(toys, tmp_path):
    more = GOOD + (
        '\n[[method.override]]\noperator = "mask:keep=0.1*"\nset = ["solver.steps=7"]\n'
        '\n[[task]]\noperator = "mask:keep=0.1"\nnoise = "none"\n'
    )
    suite = read(tmp_path, more)
    assert [task.name for task in suite.tasks] == ["mask, gauss", "mask:keep=0.1"]
    assert suite.labels == ("walk", "again")
    first, second = suite.tasks
    method = suite.method[1]
    steps = [
        suite.experiment(method, task, 0, registry()).solver.params["steps"]
        for task in (first, second)
    ]
    assert steps == [3, 7]


GROUPED = (
    GOOD
    + """
[[method.override]]
group = "few"
solver = "walk:steps=9,lr=0.1"
prior = "normal"

[[method.override]]
operator = "mask:keep=0.1"
set = ["solver.steps=7"]

[[task]]
operator = "mask:keep=0.1"
noise = "none"

[[task]]
operator = "mask:keep=0.2"
noise = "none"

[groups]
few = ["mask:keep=0.[12]"]
"""
)


def test_groups_have_settings_of_their_own(toys, tmp_path):
    suite = read(tmp_path, GROUPED)
    assert suite.tasks_by_group() == {"few": ["mask:keep=0.1", "mask:keep=0.2"]}
    found = [suite.experiment(suite.method[1], t, 0, registry()).solver.params for t in suite.tasks]
    assert [p["steps"] for p in found] == [3, 7, 9]
    assert [p["lr"] for p in found] == [0.02, 0.1, 0.1]
    first = [suite.experiment(suite.method[0], t, 0, registry()).solver.params for t in suite.tasks]
    assert [p["steps"] for p in first] == [20, 20, 20]


def test_the_generator_of_the_suite_is_for_solvers_that_need_one(toys, tmp_path):
    suite = read(tmp_path, GOOD.replace('"good"', '"good"\ngenerator = "linear:scale=0.3"'))
    made = suite.experiment(suite.method[0], suite.tasks[0], 0, registry())
    assert made.generator is not None
    assert made.generator.params["scale"] == 0.3


def test_seeds_can_be_spread_over_images(toys, tmp_path):
    crossed = read(tmp_path, GOOD.replace('"good"', '"good"\nseeds = [3, 4]'))
    spread = read(tmp_path, GOOD.replace('"good"', '"good"\nseeds = [3, 4]\nspread_seeds = true'))
    assert [crossed.seeds_of(i) for i in range(2)] == [(3, 4), (3, 4)]
    assert [spread.seeds_of(i) for i in range(3)] == [(3,), (4,), (3,)]


@pytest.mark.parametrize(
    ("old", "new", "says", "hint"),
    [
        ('"good"\n', '"good"\nlimt = 3\n', "line 2: there is no limt", "limit"),
        ('"good"\n', '"good"\nseeds = [0, -1]\n', "line 2: seeds, value 2: must be", "comparing"),
        (
            'solver = "walk"\n',
            'solver = "walk"\nnam = "x"\n',
            "line 7: there is no method.0.nam",
            "name",
        ),
        ('["mask"]', "3", "line 2: operators", ""),
        ('["mask"]', "[]", "grid is empty", ""),
        ('"again"', '"walk"', "called alike: method walk", ""),
        ('["mask"]', '["mask", "mask"]', "called alike: task mask", ""),
        ('"good"', '"good"\nseeds = [1, 1]', "called alike: seed 1", ""),
        ('"good"', '"good"\nreference = "agin"', "no method 'agin'", ""),
        ('"good"', '"good"\nlimit = 0', "line 2: limit", ""),
        ('"good"', '"good"\nimages = ["nowhere"]', "line 2: there is no file or folder", "path"),
        ('"walk:steps=3"', '"wlk"', "line 8: no solver is called 'wlk'", "walk"),
        ('"walk:steps=3"', '"walk:stps=3"', "line 8: solver walk.stps", "steps"),
        ('["mask"]', '["msk"]', "line 2: no operator is called 'msk'", "mask"),
        ('["gauss"]', '["gaus"]', "line 3: no noise is called 'gaus'", "gauss"),
        ('name = "good"', "name = good", "is not TOML", ""),
        ('"good"', '"good"\ncompare = ["psnr"]', "no metric 'psnr' to compare", ""),
        ("[[method]]\n", '[groups]\nfew = ["msk"]\n[[method]]\n', "'few' matches none", ""),
        (
            'steps=3"',
            'steps=3"\n[[method.override]]\ngroup = "fw"\nset = ["a=1"]',
            "no group 'fw'",
            "",
        ),
        (
            'steps=3"',
            'steps=3"\n[[method.override]]\nset = ["a=1"]',
            "for an operator or for a group",
            "",
        ),
        ('steps=3"', 'steps=3"\n[[method.override]]\noperator = "mask"', "changes something", ""),
        (
            'steps=3"',
            'steps=3"\n[[method.override]]\noperator = "msk"\nset = ["solver.steps=1"]',
            "for 'msk', which no task matches",
            "",
        ),
        ("[[method]]\nsolver", "[[methods]]\nsolver", "there is no methods", "method"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(toys, tmp_path, old, new, says, hint):
    assert GOOD.replace(old, new, 1) != GOOD
    with pytest.raises(InvprobError) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert "suite.toml" in caught.value.message
    assert says in caught.value.message
    assert hint in caught.value.hint


def test_some_methods_of_a_suite(toys, tmp_path):
    two = GOOD + '\n[[method]]\nname = "other"\nsolver = "walk:steps=9"\n'
    suite = read(tmp_path, two.replace('"good"', '"good"\nreference = "other"', 1))
    assert suite.only(["other"]).labels == ("other",)
    assert suite.only(["other"]).reference == "other"
    first = suite.labels[0]
    assert suite.only([first]).labels == (first,)
    assert suite.only([first]).reference is None
    assert suite.only([]) == suite
    with pytest.raises(BadParams, match="has no method 'othr'") as caught:
        suite.only(["othr"])
    assert "other" in caught.value.hint


def test_a_suite_that_is_not_there(toys, tmp_path):
    with pytest.raises(InvprobError, match="there is no suite"):
        suite_file.read(tmp_path / "none.toml", registry())


def test_the_default_suite_is_sound():
    found = suite_file.read(suite_file.DEFAULT, registry())
    assert found.labels == ("sgilo", "ilo", "csgm", "dps")
    assert len(found.tasks) == 3
