"""All JSON is valid, and fits any encoding."""

import json
import math

from invprob.io import files
from invprob.io.json_text import dumps


def test_what_json_cannot_hold_is_null(tmp_path):
    value = {"a": [math.nan, (math.inf, 1.5)], "b": {"c": -math.inf}}
    assert json.loads(dumps(value)) == {"a": [None, [None, 1.5]], "b": {"c": None}}
    files.write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text()) == json.loads(dumps(value))


def test_it_is_ascii():
    assert dumps({"name": "χ² √ 😀"}).isascii()
    assert json.loads(dumps("χ² √ 😀")) == "χ² √ 😀"
