"""A workspace with one registered study, of which nothing is trained."""

import pytest


@pytest.fixture
def store(tmp_path):
    from rnnctl.lab.register import register
    from store import Store
    from tests.lab.studies import STUDY

    file = tmp_path / "tiny.yaml"
    file.write_text(STUDY)
    register(tmp_path, [file])
    with Store.open(tmp_path) as store:
        yield store
