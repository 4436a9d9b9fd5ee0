"""Run the default tests and write the slowest ten into CONTRIBUTING.md.

    python docs/slowest_tests.py

It takes as long as the tests do. The seconds are of the clock, so no other process should run.
"""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
PLACE = re.compile(r"(<!-- slowest ten tests -->\n).*?(<!-- end -->\n)", re.DOTALL)
LINE = re.compile(r"^(\d+\.\d+)s (setup|call|teardown) +(tests/.+)$", re.MULTILINE)
SUMMARY = re.compile(r"^(\d+ passed.*?) in ([\d.]+)s", re.MULTILINE)


def table(said: str, date: str, cores: int) -> str:
    """Make the list from what pytest printed.

    Args:
        said: The output of ``pytest --durations=10``.
        date: The day of the run.
        cores: The cores that it could use.

    Returns:
        Markdown: the sum in a sentence, and a table.

    Raises:
        ValueError: If the output has no sum, or no test that took long.
    """
    total, found = SUMMARY.search(said), LINE.findall(said)
    if total is None or not found:
        raise ValueError("pytest printed no durations")
    rows = [
        f"| {float(seconds):.0f} | `{test}`{'' if phase == 'call' else f' ({phase})'} |"
        for seconds, phase, test in found
    ]
    head = f"{date}, {cores} cores: {total[1]} in {float(total[2]):.0f} s."
    return "\n".join([head, "", "| seconds | test |", "|---:|---|", *rows, ""])


def main() -> int:
    command = [sys.executable, "-m", "pytest", "--durations=10"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout, done.stderr, sep="\n")
    if done.returncode == 0:
        today = datetime.date.today().isoformat()
        made = table(done.stdout, today, len(os.sched_getaffinity(0)))
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(PLACE.sub(lambda m: m[1] + "\n" + made + "\n" + m[2], text), "utf-8")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
