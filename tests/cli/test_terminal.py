"""The live view on a terminal, which is left in order whatever happens."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import INVPROB, WALK

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


@pytest.mark.parametrize("interrupt", [False, True])
def test_live_view(
    photo: Path, tmp_path: Path, environment: Mapping[str, str], interrupt: bool
) -> None:
    ours, theirs = pty.openpty()
    wait = "0.2" if interrupt else "0.02"
    command = [*INVPROB, "solve", photo.name, *WALK, "--set", f"solver.wait={wait}", "--out", "out"]
    clean = {k: v for k, v in environment.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    terminal = {**clean, "INVPROB_PLUGINS": "toys", "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=terminal, stderr=theirs, stdout=subprocess.PIPE, text=True
    )
    os.close(theirs)
    seen = ""
    while True:
        try:
            seen += os.read(ours, 65536).decode(errors="replace")
        except OSError:  # the other end is closed
            break
        if interrupt and " χ² " in seen:
            process.send_signal(signal.SIGINT)
            interrupt = False
    os.close(ours)
    out, _ = process.communicate(timeout=60)
    assert "loading PyTorch" in seen
    assert "Walk" in seen
    assert "━" in seen
    assert seen.rindex(SHOW) > seen.rindex(HIDE)
    if wait == "0.02":
        assert process.returncode == 0, seen
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
        assert "20/20" in plain
        assert out.startswith("image  PSNR mean")
    else:
        assert process.returncode == 130, seen
        assert "interrupted:" in seen
        assert "Traceback" not in seen
        assert out == ""
