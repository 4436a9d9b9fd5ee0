"""Hints reach those who read tracebacks, and notices go one way."""

from __future__ import annotations

import pathlib
import traceback
import warnings

import pytest

import invprob
from invprob import errors


def test_a_traceback_ends_in_the_hint():
    with pytest.raises(errors.BadParams) as caught:
        invprob.compose(solver="sgilo:stepz=3", operator="inpaint")
    lines = traceback.format_exception_only(caught.value)
    assert lines[-1] == "hint: did you mean 'steps'?\n"
    assert "solver sgilo.stepz" in lines[0]


def test_no_other_place_warns_of_old_names():
    root = pathlib.Path(invprob.__file__).parent
    told = [p for p in root.rglob("*.py") if "DeprecationWarning" in p.read_text(encoding="utf-8")]
    assert [p.name for p in told] == ["errors.py"]


def test_a_notice_names_the_line_of_a_script_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            errors.notify("a is called b now")
    (only,) = caught
    assert only.filename == __file__
