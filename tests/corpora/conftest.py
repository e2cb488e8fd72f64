import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder of the test in which vocabularies are cached."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RNNCTL_CACHE", str(folder))
    return folder
