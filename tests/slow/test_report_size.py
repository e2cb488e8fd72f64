"""The page of 768 runs: its size, and the time of a processor that it takes to write."""

from __future__ import annotations

import time

from rnnctl.lab.report import report
from store import Store
from tests.lab.many import finished

MOST_BYTES, MOST_SECONDS = 10_000_000, 60.0


def test_the_page_of_768_runs_is_small_and_written_soon(tmp_path, figure):
    finished(tmp_path / "w", "gated-exploration-small")
    with Store.open(tmp_path / "w", readonly=True) as store:
        began = time.process_time()
        written = report(store, ["gated-exploration-small"], out=str(tmp_path / "r.html"))
        seconds = time.process_time() - began
    size = written.file.stat().st_size
    figure("report of 768 runs", f"{size / 1e6:.1f} MB, {seconds:.0f} s of a processor")
    assert len(written.page.runs) == 768
    assert size < MOST_BYTES
    assert seconds < MOST_SECONDS
