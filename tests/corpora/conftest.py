import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Vocabularies of tests are kept in a folder of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RNNCTL_CACHE", str(folder))
    return folder
