"""The records of decisions are numbered without gaps, complete, and listed."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
PARTS = r"# (\d{4})\. (.+)\n\nDate: \d{4}-\d\d-\d\d\n\nStatus: .+\n\n## Context\n"


def test_they_are_numbered_without_gaps():
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_each_has_every_part():
    for path in RECORDS:
        text = path.read_text(encoding="utf-8")
        assert re.match(PARTS, text)[1] == path.name[:4], path.name
        for part in ("Decision", "Consequences"):
            assert f"\n## {part}\n" in text, path.name


def test_the_index_lists_them_in_order():
    listed = re.findall(r"\]\((\d{4}-.+?\.md)\)", (FOLDER / "index.md").read_text(encoding="utf-8"))
    assert listed == [path.name for path in RECORDS]
