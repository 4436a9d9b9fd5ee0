"""Words and tables of the terminal."""

import pytest

from invprob.cli import console


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (9.9, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1:00"),
        (3723, "1:02:03"),
    ],
)
def test_a_duration_has_one_form_below_a_minute(seconds, said):
    assert console.clock(seconds) == said
