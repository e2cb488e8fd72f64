"""Files of compiled kernels: whatever is wrong with them, kernels compute, and what was wrong is told."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rnnctl.kernels import compiled
from rnnctl.kernels.files import OLD_SECONDS, UNUSED_SECONDS, KernelFiles, Place, places, read
from tests.cli.command_line import environment

NUMBERS = np.arange(5, dtype=np.float32)


def total(x_N):
    return x_N.sum()


@pytest.fixture
def lines() -> list[str]:
    """What was told."""
    return []


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> Callable[..., KernelFiles]:
    """Return a function that makes new kernels use these places only."""

    def use_places(*where: Place) -> KernelFiles:
        files = KernelFiles(list(where))
        files.tell(lines.append)
        monkeypatch.setattr(compiled, "kernel_files", lambda: files)
        return files

    return use_places


def as_new_process() -> bool:
    """Use the kernel as a new process does. Return whether it was loaded rather than compiled."""
    kernel = compiled.kernel(total)
    assert kernel(NUMBERS) == 10
    return kernel.stats.cache_misses == {}


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_compiling_for_a_cell_is_told_once_and_loading_is_not(tmp_path, use, lines, monkeypatch):
    use(Place(tmp_path, None))
    monkeypatch.setattr(total, "__module__", "rnnctl.cells.gated.loops")
    assert [as_new_process(), as_new_process()] == [False, True]
    assert compiled.kernel(total)(NUMBERS.astype(np.float64)) == 10
    assert lines == ["compiling kernels for gated, once on this machine: about 5 to 15 s"]


def test_a_kernel_is_kept_and_loaded(tmp_path, use, lines):
    files = use(Place(tmp_path, None))
    assert not as_new_process()
    assert as_new_process()
    assert only_file(tmp_path).name.startswith("tests.kernels.test_files.total-")
    assert files.state().startswith(f"{tmp_path}: 1 kernel, 0.0 MiB")
    assert lines == []


def emptied(content: bytes) -> bytes:
    return b""


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    return content[:3000] + bytes([content[3000] ^ 4]) + content[3001:]


@pytest.mark.parametrize("harm", [emptied, cut, flipped])
def test_a_damaged_file_is_told_and_replaced(harm, tmp_path, use, lines):
    files = use(Place(tmp_path, None))
    as_new_process()
    path = only_file(tmp_path)
    path.write_bytes(harm(path.read_bytes()))
    assert f"damaged and to be compiled again: {path.name} (its checksum is wrong)" in files.state()
    assert not as_new_process()
    what = f"compiled kernels in {tmp_path} cannot be used and are compiled again, first {path.name}"
    assert lines == [f"{what}: its checksum is wrong"]
    assert as_new_process()
    assert files.state().endswith("MiB")


def test_every_flipped_bit_is_noticed(tmp_path, use):
    use(Place(tmp_path, None))
    as_new_process()
    path = only_file(tmp_path)
    content = path.read_bytes()
    for place in range(0, len(content), 97):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="checksum"):
            read(path)


def test_a_file_that_is_whole_but_no_kernel_is_told_and_replaced(tmp_path, use, lines):
    files = use(Place(tmp_path, None))
    as_new_process()
    files.save(only_file(tmp_path).name, b"no kernel")
    assert not as_new_process()
    assert lines[0].endswith("UnpicklingError: invalid load key, 'n'.")
    assert as_new_process()


def test_a_kernel_that_nobody_has_used_for_long_is_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path))
    (place,) = places()
    files = KernelFiles([place])
    for name, age in (("new", 0.0), ("used", 0.9), ("unused", 1.1)):
        files.save(f"{name}.kernel", b"code")
        os.utime(place.folder / f"{name}.kernel", (0, time.time() - age * UNUSED_SECONDS))
    assert files.load("used.kernel", bytes) == b"code"  # which is remembered
    os.utime(place.folder / "new.kernel", (0, time.time() - 1.1 * UNUSED_SECONDS))
    places()
    assert only_file(place.folder).name == "used.kernel"
    assert time.time() - only_file(place.folder).stat().st_mtime < OLD_SECONDS
    assert files.load("unused.kernel", bytes) is None


def test_a_folder_that_cannot_be_read_costs_time_only(tmp_path, use, lines):
    use(Place(tmp_path, None))
    as_new_process()
    path = only_file(tmp_path)
    path.unlink()
    path.mkdir()
    assert not as_new_process()
    assert lines[0].endswith(f"first {path.name}: Is a directory")


def test_kernels_of_a_folder_that_cannot_be_written_are_loaded(tmp_path, use, lines):
    use(Place(tmp_path, None))
    as_new_process()
    files = use(Place(tmp_path, "Read-only file system"))
    assert as_new_process()
    assert lines == []
    assert f"{tmp_path}: cannot be used: Read-only file system, except for 1 kernel" in files.state()


def test_another_folder_takes_the_place_of_one_that_cannot_be_written(tmp_path, use, lines):
    use(Place(tmp_path / "first", "Read-only file system"), Place(tmp_path / "spare", None))
    assert not as_new_process()
    first, spare = tmp_path / "first", tmp_path / "spare"
    assert lines == [f"compiled kernels cannot be kept in {first}: Read-only file system; they are kept in {spare}"]
    assert as_new_process()


def test_without_any_folder_kernels_are_compiled_and_not_kept(tmp_path, use, lines):
    files = use(Place(tmp_path / "first", "Read-only file system"), Place(tmp_path / "spare", "not a folder"))
    assert not as_new_process()
    assert not as_new_process()
    (line,) = lines
    assert line.startswith("compiled kernels cannot be kept, so each worker compiles them anew, and starts later (")
    assert f"{tmp_path}/first: Read-only file system; {tmp_path}/spare: not a folder" in line
    assert files.state().endswith("; each worker compiles its kernels anew")


@contextmanager
def no_room(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_noticed_by_the_probe(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path))
    assert [place.trouble for place in places()] == [None]
    with no_room(1000):
        assert [place.trouble for place in places()] == ["File too large"] * 2
    assert list((tmp_path / "kernels").iterdir()) == []


def test_a_disk_that_becomes_full_costs_time_only(tmp_path, use, lines):
    use(Place(tmp_path, None))
    with no_room(1000):
        assert not as_new_process()
        assert not as_new_process()
    (line,) = lines
    assert f"{tmp_path}: File too large" in line
    assert list(tmp_path.iterdir()) == []


def test_the_places_follow_the_cache_folder(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, spare = places()
    assert (first.folder, first.trouble) == (tmp_path / "file" / "kernels", "Not a directory")
    assert (spare.folder.parent, spare.trouble) == (tmp_path, None)
    assert spare.folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("RNNCTL_CACHE", "~nobody-of-that-name/cache")
    assert places()[0].trouble == "there is no such home folder"


@pytest.mark.parametrize("harm", ["open to all", "a link", "a file"])
def test_nothing_is_loaded_from_a_temporary_folder_that_others_may_write(harm, tmp_path, monkeypatch):
    monkeypatch.setenv("RNNCTL_CACHE", os.devnull)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spare = places()[1].folder
    spare.rmdir()
    if harm == "open to all":
        spare.mkdir()
        spare.chmod(0o777)
    elif harm == "a link":
        (tmp_path / "elsewhere").mkdir(0o700)
        spare.symlink_to(tmp_path / "elsewhere")
    else:
        spare.write_text("")
    place = places()[1]
    assert place.trouble is not None
    assert not place.readable


def test_other_processors_types_and_sources_have_files_of_their_own(monkeypatch):
    cache = compiled.KernelCache(total)
    here = SimpleNamespace(magic_tuple=lambda: ("triple", "this", "+avx2"))
    there = SimpleNamespace(magic_tuple=lambda: ("triple", "other", "+avx2"))

    def name(sig: Any, codegen: Any) -> str:
        return cache._name(cache._key(sig, codegen))

    names = {name(("float32",), here), name(("float64",), here), name(("float32",), there)}
    monkeypatch.setattr(compiled, "_sources", lambda module: "changed")
    assert len(names | {name(("float32",), here)}) == 4


KILLED = """\
import os, signal, sys
from pathlib import Path
from rnnctl.kernels import files

def write_half(path, fill, **options):
    class Dying:
        def write(self, content):
            file.write(content[: len(content) // 2])
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    def half(file_):
        global file
        file = file_
        fill(Dying())
    whole(path, half, **options)

whole, files.write_whole = files.write_whole, write_half
files.KernelFiles([files.Place(Path(sys.argv[1]), None)]).save("x.kernel", bytes(10**6))
"""


def test_a_process_that_is_killed_while_it_writes_leaves_no_kernel(tmp_path, monkeypatch):
    folder = tmp_path / "kernels"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder)], env=environment(), timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert KernelFiles([Place(folder, None)]).load("x.kernel", bytes) is None
    unfinished = only_file(folder)
    assert unfinished.stat().st_size == 500_016
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path))
    places()
    assert unfinished.exists()  # it could be that of a process that still writes
    os.utime(unfinished, (0, time.time() - 2 * OLD_SECONDS))
    places()
    assert list(folder.iterdir()) == []
