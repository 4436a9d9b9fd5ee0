"""The report in headless Chromium: it sorts, filters, opens pictures, and says nothing amiss."""

import json
import re
import shutil
import subprocess

import pytest

from tests.bench.conftest import SUITE

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

CLICKS = """
<pre id="told"></pre><script>
const column = (n) => [...document.querySelectorAll("#table tbody tr")]
  .map((row) => row.cells[n].firstChild?.textContent ?? "");
const head = (text) => [...document.querySelectorAll("#table th button")]
  .find((b) => b.textContent === text);
const told = { rows: column(1) };
head("PSNR mean").click();
told.falling = column(2);
told.sort = head("PSNR mean").parentElement.ariaSort;
head("PSNR mean").click();
told.rising = column(2);
head("Method").click();
told.methods = column(1);
const find = document.getElementById("find");
find.value = "short"; find.dispatchEvent(new Event("input"));
told.found = column(1);
find.value = "none such"; find.dispatchEvent(new Event("input"));
told.none = column(0);
find.value = ""; find.dispatchEvent(new Event("input"));
const task = document.getElementById("task");
task.selectedIndex = 2; task.dispatchEvent(new Event("change"));
told.task = [...new Set(column(0))];
told.pictures = document.querySelectorAll(".problem").length;
task.selectedIndex = 0; task.dispatchEvent(new Event("change"));
told.allPictures = document.querySelectorAll(".problem").length;
const box = [...document.querySelectorAll("#choose label")]
  .find((l) => l.textContent === "peak MB").firstChild;
told.before = head("peak MB") === undefined;
box.click();
told.after = head("peak MB") !== undefined;
told.points = document.querySelectorAll("#by-measurements circle").length;
told.times = document.querySelectorAll("#by-time circle").length;
document.querySelector(".problem").click();
told.open = document.getElementById("dialog").open;
told.shots = document.querySelectorAll("#dialog img").length;
document.querySelector("#dialog button").click();
told.sideways = document.documentElement.scrollWidth > innerWidth;
told.closed = !document.getElementById("dialog").open;
told.failures = document.getElementById("failures").textContent;
told.loads = performance.getEntriesByType("resource").filter((r) => !r.name.startsWith("data:"))
  .map((r) => r.name);
document.getElementById("told").textContent = JSON.stringify(told);
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_report_works_in_a_browser(bench, suite, tmp_path):
    lost = '\n[[method]]\nname = "</script>"\nsolver = "faulty:steps=5"\n'
    suite.write_text(SUITE + lost)
    bench("--out", tmp_path / "out", "-q", status=1)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "http" not in re.sub(r"data:image/png;base64,[^\"]*", "", page)
    (tmp_path / "clicked.html").write_text(page.replace("</body>", CLICKS + "</body>"))
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            "--window-size=400,800",
            *("--virtual-time-budget=5000", "--dump-dom", f"file://{tmp_path}/clicked.html"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "CONSOLE" not in done.stderr
    found = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None
    told = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">"))
    assert told["rows"] == ["walk", "short"] * 2
    assert told["falling"] == sorted(told["falling"], key=float, reverse=True)
    assert told["rising"] == told["falling"][::-1]
    assert told["sort"] == "descending"
    assert told["methods"] == sorted(told["methods"])
    assert told["found"] == ["short"] * 2
    assert told["task"] == ["mask:keep=0.25, gauss:sigma=0.05"]
    assert (told["pictures"], told["allPictures"]) == (3, 6)
    assert told["before"]
    assert told["after"]
    assert told["points"] == told["times"] == 4
    assert told["none"] == ["nothing found"]
    assert not told["sideways"]
    assert "prefers-color-scheme: dark" in page
    assert told["open"]
    assert told["closed"]
    assert told["shots"] == 2 + 3 * 2
    assert told["failures"].count("out of luck") == 6
    assert told["loads"] == []
