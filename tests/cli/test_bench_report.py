"""The tables of `invprob bench` on narrow and wide terminals."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from invprob.bench import trust
from invprob.bench.tables import Row, lines
from invprob.cli import bench_report, console

TASKS = ["inpaint:keep=0.1, gaussian:sigma=0.02", "compressed:matrix=circulant,ratio=0.01"]
METHODS = ["sgilo", "sgilo:stages=1,3,steps=50,100", "csgm"]


def outcome():
    rows = []
    for task in TASKS:
        for m, method in enumerate(METHODS):
            for i in range(4):
                figures = {"psnr_mean": 23.8 + m + 0.3 * i, "ssim_mean": 0.82, "psnr_last": 22.5}
                figures |= {"chi2_mean": 10.5 * m, "chi2_last": 1.5 + 10 * m, "crps": 0.0431}
                figures |= {"seconds": 123.4, "generator_passes": 1500, "memory_mb": 812}
                if m < 2:
                    figures |= {"coverage_90": 0.43, "r_hat": 2.7, "ess": 5.2}
                    figures |= {"not_converged": float(i < 3)}
                rows.append(Row(task, method, f"face-{i}", 0, figures))
    suite = SimpleNamespace(reference="sgilo", labels=METHODS)
    bench = SimpleNamespace(suite=suite, cells=[0] * 24, out=Path("runs/bench-default"))
    return SimpleNamespace(
        bench=bench, lines=lines(rows, TASKS, METHODS, "sgilo"), failures=[], computed=24, seconds=9
    )


@pytest.mark.parametrize("width", [80, 120, 1000])
def test_a_table_fits_the_terminal_and_says_what_it_leaves_out(monkeypatch, capsys, width):
    monkeypatch.setattr(console, "stdout", lambda: Console(width=width, highlight=False))
    bench_report.report(outcome())
    said = capsys.readouterr().out.splitlines()
    table = [x for x in said if "  " in x or "──" in x]
    assert max(map(len, table)) <= width
    assert said[0] == TASKS[0]
    assert any(line.startswith("method ") for line in said[1:4])
    rows = [line for line in said if line.startswith("csgm  ")]
    assert len(rows) == 2
    assert rows[0].endswith("+2.00 [+2.00, +2.00]")
    assert "…" not in "".join(said)
    assert any(line.startswith("not shown") for line in said) == (width < 1000)


def test_what_cannot_be_trusted_is_said():
    told = trust.warnings(outcome().lines)
    assert told[0].startswith("sgilo: chains not converged on 75% of the measurements")
    assert told[-1].startswith("csgm, 2 of 2 tasks: χ² 21: this model cannot show this picture")
