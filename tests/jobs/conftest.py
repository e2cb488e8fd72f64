import pytest


@pytest.fixture
def bench(tmp_path):
    # Not imported above: it loads numpy, which must not happen before the tests' environment is set.
    from tests.jobs.workbench import Workbench

    return Workbench(tmp_path)
