import csv
import json
import os
import signal
import subprocess
import time

import pytest

from invprob.bench import provenance
from invprob.bench.execution import protocol, subprocess_worker, worker
from invprob.bench.execution.worker import Failed, Worker
from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from tests.bench.conftest import SUITE, bench_alone, figures
from tests.cli.conftest import INVPROB


def cells(out):
    return sorted((out / "cells").glob("*.cell"))


def test_tables_of_a_suite_and_only_what_changed_is_computed_again(watched_bench, suite, tmp_path):
    bench, out = watched_bench, tmp_path / "out"
    said = bench("--out", out)
    assert "12 of 12 cells, 12 computed now" in said.out
    assert len(cells(out)) == 12
    with (out / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert float(rows[0]["psnr_oracle"]) >= float(rows[0]["psnr_last"])
    # every method has read the same measurements, one for each picture and task
    assert len({row["measurement"] for row in rows}) == 6
    for row in rows:
        twin = [r for r in rows if (r["task"], r["image"]) == (row["task"], row["image"])]
        assert len({r["measurement"] for r in twin}) == 1
    assert {(row["date"], row["machine"]) for row in rows} == {
        (rows[0]["date"], rows[0]["machine"])
    }
    told = json.loads((out / "results.json").read_text())
    assert rows[0]["date"] in told["origin"]
    assert rows[0]["commit"] in told["origin"]
    assert told["origin"] in (out / "table.md").read_text()
    assert json.dumps(told["origin"]) in (out / "report.html").read_text()
    assert (out / "table.md").read_text().count("\n| short |") == 2
    before = figures(out)
    stamps = {path: path.stat().st_mtime_ns for path in cells(out)}

    again = bench("--out", out)
    assert "0 computed now" in again.out
    assert figures(out) == before

    # another method, another picture: their cells are new, all others stay
    suite.write_text(SUITE + '\n[[method]]\nname = "long"\nsolver = "walk:steps=40"\n')
    source = (tmp_path / "pictures" / "p0.png").read_bytes()
    (tmp_path / "pictures" / "q.png").write_bytes(source)
    more = bench("--out", out)
    # q.png shows what p0.png shows, so only the new method is new to it
    assert "24 of 24 cells, 6 computed now" in more.out
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())

    # a changed parameter changes the cells of its method alone
    suite.write_text(SUITE.replace("steps=5", "steps=6"))
    changed = bench("--out", out)
    assert "16 of 16 cells, 6 computed now" in changed.out


def test_pictures_and_their_number_can_be_given_instead_of_the_suites(bench, suite, tmp_path):
    out, mine = tmp_path / "out", tmp_path / "mine"
    mine.mkdir()
    for name in ("p0.png", "p1.png", "p2.png"):
        (tmp_path / "pictures" / name).rename(mine / f"my-{name}")
    assert "images" in bench("--out", out, status=2).err  # the suite's own are gone
    said = bench("--out", out, "--images", mine, "--limit", "2")
    assert "8 of 8 cells" in said.out
    with (out / "cells.csv").open() as file:
        assert {row["image"] for row in csv.DictReader(file)} == {"my-p0", "my-p1"}


def test_one_method_with_other_samples(bench, suite, tmp_path):
    out = tmp_path / "out"
    said = bench("--out", out, "--method", "walk", "--samples", "3")
    assert "6 of 6 cells" in said.out
    with (out / "cells.csv").open() as file:
        found = {(row["method"], row["mean_samples"]) for row in csv.DictReader(file)}
    assert found == {("walk", "75")}  # 25 draws of each of three chains
    assert "no method 'wlk'" in bench("--out", out, "--method", "wlk", status=2).err


def test_spread_seeds_give_each_picture_a_mask_in_turn(bench, suite, tmp_path):
    out = tmp_path / "out"
    suite.write_text(
        SUITE.replace("threads = 1", "threads = 1\nseeds = [4, 5]\nspread_seeds = true")
    )
    planned = bench("--out", out, "--dry-run")
    assert "3 images × 1 of 2 seeds = 12 cells" in planned.out
    assert not out.exists()
    assert planned.err.startswith("reading the suite")
    bench("--out", out, "-q")
    with (out / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["image"], row["seed"]) for row in rows} == {("p0", "4"), ("p1", "5"), ("p2", "4")}
    assert len({row["measurement"] for row in rows}) == 6
    for line in figures(out):
        assert line["values"]["psnr_mean"]["n"] == 3


def test_damaged_cells_are_computed_again(bench, finished):
    out = finished
    before = figures(out)
    short, flipped, empty, *_ = cells(out)
    short.write_bytes(short.read_bytes()[:-7])
    bits = bytearray(flipped.read_bytes())
    bits[len(bits) // 2] ^= 1
    flipped.write_bytes(bits)
    empty.write_bytes(b"")
    measurement = sorted((out / "measurements").iterdir())[0]
    measurement.write_bytes(measurement.read_bytes()[:100])
    assert "3 computed now" in bench("--out", out).out
    assert figures(out) == before


@pytest.mark.parametrize("victim", ["coordinator", "worker"])
def test_a_kill_loses_nothing_that_is_finished(
    bench, finished, environment, suite, tmp_path, victim
):
    out = tmp_path / "out"
    suite.write_text(SUITE.replace("burn=5", "burn=5,wait=0.02"))
    running = subprocess.Popen(
        [*INVPROB, "bench", str(suite), "--out", str(out)],
        env={**environment, "INVPROB_PLUGINS": "basics,toys"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ends = time.monotonic() + 120
    while len(cells(out)) < 3 and time.monotonic() < ends:
        time.sleep(0.01)
    listed = subprocess.run(["pgrep", "-P", str(running.pid)], capture_output=True, text=True)
    workers = [int(word) for word in listed.stdout.split()]
    assert workers
    os.kill(running.pid if victim == "coordinator" else workers[0], signal.SIGKILL)
    status = running.wait(timeout=120)
    kept = {path.name for path in cells(out)}
    if victim == "coordinator":
        assert status == -signal.SIGKILL
        assert 3 <= len(kept) < 12
        while any(_alive(worker) for worker in workers) and time.monotonic() < ends:
            time.sleep(0.05)
        assert not any(_alive(worker) for worker in workers)
    else:
        assert status == 0
        assert len(kept) == 12
    said = bench("--out", out)
    assert f"{12 - len(kept)} computed now" in said.out
    assert figures(out) == figures(finished)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_faults_fill_their_cell_and_nothing_else(watched_bench, suite, tmp_path):
    bench, out, once = watched_bench, tmp_path / "out", tmp_path / "once"
    once.touch()
    faults = "".join(
        f'\n[[method]]\nname = "{name}"\nsolver = "faulty:steps=5,fault={name}"\n'
        for name in ("raise", "exit", "nan", "hang", "die")
    )
    faults += f'\n[[method]]\nname = "dies once"\nsolver = "faulty:steps=5,fault=die,once={once}"\n'
    one_task = SUITE.replace('"mask:keep=0.5", ', "")  # each fault costs the start of a process
    suite.write_text(one_task + faults)
    for path in list((tmp_path / "pictures").iterdir())[1:]:
        path.unlink()
    said = bench("--out", out, "--timeout", "8", status=1)
    told = json.loads((out / "results.json").read_text())
    reasons = {f["cell"].partition(" ")[0]: f["reason"] for f in told["failures"]}
    assert reasons == {
        "raise": "RuntimeError: out of luck",
        "exit": "SystemExit: enough",
        "nan": "Faulty diverged at step 5: the answer holds NaN or infinity in the mean;"
        " lower its step size",
        "hang": "timed out after 8 s",
        "die": "its process died twice (status -9)",
    }
    assert len(told["failures"]) == 5
    assert said.err.count("failed: raise × ") == 2  # as it happens, and in the end
    methods = {line["method"] for line in told["lines"]}
    assert methods == {"walk", "short", "dies once"}
    assert not once.exists()
    # what failed is tried again, the rest is not
    suite.write_text(one_task)
    assert "2 of 2 cells, 0 computed now" in bench("--out", out).out


def test_the_order_and_the_number_of_workers_change_nothing(
    bench, finished, environment, suite, tmp_path
):
    pytest.importorskip("distributed")
    bench_alone(environment, suite, "--out", tmp_path / "b", "-q", "--workers", "2")
    text = SUITE.replace(
        '["mask:keep=0.5", "mask:keep=0.25"]', '["mask:keep=0.25", "mask:keep=0.5"]'
    )
    suite.write_text(text)
    bench("--out", tmp_path / "c", "-q")
    a, b, c = (figures(out) for out in (finished, tmp_path / "b", tmp_path / "c"))
    assert a == b
    assert sorted(a, key=str) == sorted(c, key=str)


def test_a_scheduler_that_is_not_there(environment, suite):
    pytest.importorskip("distributed")
    hasty = {**environment, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"}
    said = bench_alone(hasty, suite, "--scheduler", "tcp://127.0.0.1:9", status=2)
    assert "no dask scheduler answers at tcp://127.0.0.1:9" in said.stderr


def test_a_dry_run_computes_nothing(bench, suite, tmp_path):
    out = tmp_path / "out"
    said = bench("--out", out, "--dry-run")
    assert "2 methods × 2 tasks × 3 images × 1 seeds = 12 cells" in said.out
    assert not (out / "cells").exists()
    assert not (out / "report.html").exists()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--workers", "2", "--scheduler", "x"), "given at once"),
        (("--out", "pictures"), "holds something else than a bench"),
        (("--out", "suite.toml"), "is a file"),
        (("--out", "suite.toml/x"), "suite.toml/x"),
        (("--out", "x" * 300), "too long"),
        (("--timeout", "0"), "--timeout"),
    ],
)
def test_what_cannot_be(bench, args, says):
    assert says in bench(*args, status=2).err


def test_methods_of_other_sizes_are_refused(bench, suite):
    suite.write_text(SUITE.replace('solver = "walk:steps=5"', 'solver = "nothing"'))
    assert "no solver is called 'nothing'" in bench(status=2).err


def test_an_endless_wait_is_waited_for_in_parts(monkeypatch):
    monkeypatch.setattr(worker, "LONGEST", 0.01)
    with Worker(1) as started:
        started._environment = dict(os.environ)
        with pytest.raises(Failed, match="Error"):
            started.solve(protocol.pack({}, b""), float("inf"))


def test_a_process_of_before_a_change_is_replaced(monkeypatch):
    begun = []

    class Once(Worker):
        def _ask(self, packed, timeout, tell):
            begun.append(packed)
            if len(begun) % 2:
                raise worker._Outdated("toys")
            return b"done"

    assert Once(1).solve(b"cell", 60) == b"done"
    assert len(begun) == 2
    monkeypatch.setattr(Once, "_ask", lambda *_: (_ for _ in ()).throw(worker._Outdated("toys")))
    with pytest.raises(Failed, match="the worker has another toys"):
        Once(1).solve(b"cell", 60)


def test_a_worker_tells_other_sources():
    experiment = Experiment.parse({"solver": "pinv", "operator": "identity"}).resolve(registry())
    mine = provenance.of_experiment(experiment, registry())
    told = {"experiment": experiment.model_dump(mode="json"), "code": dict(mine)}
    assert subprocess_worker._other_code(told) == ""
    told["code"]["classical"] += "x"
    assert subprocess_worker._other_code(told) == "classical"
