"""A folder of inversions whose list is damaged."""

import pytest

from invprob.errors import BadInput
from invprob.latents import inverted


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"images": [], "more": 1}', "\xff"])
def test_a_damaged_list_is_one_sentence(tmp_path, text):
    (tmp_path / "inversions.json").write_text(text, "latin-1")
    with pytest.raises(BadInput, match=r"inversions\.json is damaged"):
        inverted.read(tmp_path, None, 1, None)
