"""The plugin of this checkout, wherever it is installed; without deepinv its tests are skipped."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

MISSING = [n for n in ("deepinv", "torchvision", "ptwt") if importlib.util.find_spec(n) is None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if MISSING:
        skip = pytest.mark.skip(reason=f"not installed: {', '.join(MISSING)}")
        for item in items:
            if item.path.is_relative_to(HERE):
                item.add_marker(skip)
