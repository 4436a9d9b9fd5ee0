"""The script for GPUs runs whole, in a small way and on the CPU."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_everything_tiny_on_the_cpu(tmp_path):
    script = ROOT / "benchmarks" / "performance" / "gpu_ready.py"
    line = [sys.executable, str(script), "--smoke", "--out", str(tmp_path / "gpu.json")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["device"] == "CPU"
    assert found["parity"]["functions"] > 0
    assert found["parity"]["largest"] == 0
    assert found["generator"]["difference"] < 1e-5
    assert all(found[part]["steps/s"] > 0 for part in ("sgilo", "dps"))
