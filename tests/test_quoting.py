"""Components as text, with any value in them."""

import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from invprob.config import toml
from invprob.config.experiment import Experiment
from invprob.errors import BadParams
from invprob.params import Params, Spec, read_chain, read_spec

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ODD = st.text("ab,|='\" []=\\", max_size=12)
KEYS = st.from_regex(r"[a-m][a-z_0-9]{0,3}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mask=a,b.png", "a,b.png"),
        ('mask="a, b=c|d.png"', "a, b=c|d.png"),
        ("mask='a,keep=1.png'", "a,keep=1.png"),
        ('mask="say ""hi"".png"', 'say "hi".png'),
        ("mask=it's.png", "it's.png"),
        ("mask='tis.png", "'tis.png"),
        ('mask=5".png', '5".png'),
        ("mask=a=b.png", "a=b.png"),
        ('mask=""', ""),
    ],
)
def test_values_in_quotes(text, value):
    assert read_spec(f"inpaint:{text}") == {"name": "inpaint", "mask": value}
    assert read_spec(f"inpaint:{text}, keep=1") == {"name": "inpaint", "mask": value, "keep": "1"}


def test_a_chain_is_not_cut_within_quotes():
    assert read_chain('blur:kernel="a|b.npy"|superres:factor=2') == (
        'blur:kernel="a|b.npy"',
        "superres:factor=2",
    )
    made = Experiment.parse({"operator": 'inpaint:mask="a|b,c=d.png"'})
    assert made.operator[0].params == {"mask": "a|b,c=d.png"}


@given(st.dictionaries(KEYS, TEXT | ODD, max_size=3))
def test_any_values_survive_as_text(values):
    text = str(Spec(name="x", **values))
    assert read_spec(text) == {"name": "x", **values}
    assert read_chain(f"{text}|{text}") == (text, text)


class Listed(Params):
    """A list of names."""

    names: tuple[str, ...] = ()


@given(st.lists(TEXT | ODD, min_size=1, max_size=3))
@example(["", "A=0"])  # what follows a comma reads as the next parameter
@example(["a", "b-c ="])
def test_any_list_survives_as_text(names):
    spec = read_spec(str(Spec(name="x", names=names)))
    found = Listed.parse({"names": spec["names"]}).names
    # a single name in quotes is the text itself, which may hold a list
    assert found == tuple(names) or len(names) == 1


@pytest.mark.parametrize("text", ["[x] 1.png", "(1).png", "a,b.png"])
def test_names_in_a_list(text):
    assert Listed.parse({"names": f'"{text}",c'}).names == (text, "c")
    assert Listed.parse({"names": "[a,b]"}).names == ("a", "b")


@given(TEXT, TEXT)
def test_any_text_survives_in_toml(key, text):
    table = {key: text, "list": [text, text], "inner": {key: {"x": text}}, "rows": [{key: text}]}
    if key not in ("list", "inner", "rows"):
        assert tomllib.loads(toml.dumps(table)) == table


def test_emoji_and_control_characters_in_an_experiment():
    name = "\U0001f600 \u202e\x01\x7f\"\\n'\n.png"
    made = Experiment.parse({"images": [name], "operator": [{"name": "inpaint", "mask": name}]})
    read = Experiment.parse(tomllib.loads(made.to_toml()))
    assert read.images == (name,)
    assert read.operator[0].params == {"mask": name}


def test_half_a_character_is_refused():
    with pytest.raises(BadParams, match=r"a\\ud83d cannot be encoded"):
        toml.dumps({"name": "a\ud83d"})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_encodings_of_toml(tmp_path, encoding, ends):
    path = tmp_path / "e.toml"
    path.write_bytes(f'seed = 3{ends}images = ["é.png"]{ends}'.encode(encoding))
    assert toml.read(path) == {"seed": 3, "images": ["é.png"]}


def test_toml_that_is_not_text(tmp_path):
    path = tmp_path / "e.toml"
    for data, says in ((b"\x89PNG\r\n", "not text in UTF-8"), (b"\xff\xfea", "not text")):
        path.write_bytes(data)
        with pytest.raises(Exception, match=says):
            toml.read(path)
