import pytest


@pytest.fixture
def lab(tmp_path):
    from tests.jobs.lab import Lab  # not above: it loads numpy, which the tests' environment has to precede

    return Lab(tmp_path)
