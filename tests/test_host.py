"""The memory of the machine, and of a container that limits it."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from rnnctl import host

MACHINE = SimpleNamespace(total=1000, available=800)


@pytest.fixture
def group(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "_GROUP", tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: MACHINE)
    return tmp_path


def test_without_a_limit_it_is_that_of_the_machine(group):
    assert (host.total_bytes(), host.available_bytes()) == (1000, 800)
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("5\n")
    assert (host.total_bytes(), host.available_bytes()) == (1000, 800)


@pytest.mark.parametrize(
    ("limit", "used", "expected"), [(600, 500, (600, 130)), (600, 700, (600, 0)), (2**62, 500, (1000, 800))]
)
@pytest.mark.parametrize(
    "names", [("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")]
)
def test_a_container_has_what_its_limit_leaves_and_cached_files_count_as_free(group, names, limit, used, expected):
    (group / "memory").mkdir()
    for name, value in zip(names, (limit, used), strict=True):
        (group / name).write_text(f"{value}\n")
    (group / names[1]).parent.joinpath("memory.stat").write_text("anon 1\ninactive_file 30\n")
    assert (host.total_bytes(), host.available_bytes()) == expected
