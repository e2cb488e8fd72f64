import pytest


@pytest.fixture
def bench(tmp_path):
    # Not imported above: it loads numpy, which must not happen before the tests' environment is set.
    from tests.jobs.workbench import Workbench

    return Workbench(tmp_path)


@pytest.fixture
def ledger_of(bench, tmp_path):
    """Return a function that makes a ledger in memory of runs, which the bench's workers then use."""
    from tests.jobs.memory_ledger import MemoryLedger

    def make(*records):
        ledger = MemoryLedger(tmp_path, *records)
        bench.ledger = lambda: ledger
        return ledger

    return make
