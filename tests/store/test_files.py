"""A file under its final name is complete, whatever happens while it is written."""

import os
import stat
import threading

import pytest

from store import DiskFull, StoreError, Unwritable
from store.files import write_whole


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_written_and_then_replaced(tmp_path, durable):
    path = tmp_path / "new" / "folder" / "a.txt"
    for content in (b"first, and longer", b"second"):
        write_whole(path, lambda file, content=content: file.write(content), durable=durable)
        assert contents(path.parent) == {"a.txt": content}


def test_the_old_content_stays_in_place_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    seen = []

    def fill(file):
        file.write(b"new")
        file.flush()
        seen.append(path.read_bytes())

    write_whole(path, fill)
    assert seen == [b"old"]
    assert contents(tmp_path) == {"a.txt": b"new"}


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, error):
    (tmp_path / "a.txt").write_bytes(b"old")

    def fill(file):
        file.write(b"half")
        raise error

    for name in ("a.txt", "b.txt"):
        with pytest.raises(type(error)):
            write_whole(tmp_path / name, fill)
    assert contents(tmp_path) == {"a.txt": b"old"}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_an_error_of_the_system_names_the_file_that_was_asked_for(tmp_path, monkeypatch, call):
    def full(*names):
        raise OSError(28, "No space left on device", *(str(name) for name in names[:1] if call == "replace"))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(DiskFull, match=f"no room left to write {tmp_path}/a.txt ") as caught:
        write_whole(tmp_path / "a.txt", lambda file: file.write(b"x"))
    assert caught.value.reason == "No space left on device"
    assert contents(tmp_path) == {}


FULL = """
import resource, sys
from pathlib import Path
from store import DiskFull
from store.files import write_whole

resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

def plain(file):
    file.write(b"x" * 100_000)

def hiding(file):  # as torch.save does
    try:
        file.write(b"x" * 100_000)
    except OSError:
        raise RuntimeError("unexpected pos 704 vs 598")

try:
    write_whole(Path(sys.argv[1]), {"plain": plain, "hiding": hiding}[sys.argv[2]])
except DiskFull as error:
    print(error)
"""


@pytest.mark.parametrize("fill", ["plain", "hiding"])
def test_a_full_disk_is_reported_even_if_the_function_that_writes_hides_it(tmp_path, run_python, fill):
    assert f"no room left to write {tmp_path}/a.txt " in run_python(FULL, tmp_path / "a.txt", fill)
    assert contents(tmp_path) == {}


def test_a_file_in_the_place_of_the_folder_is_named_together_with_the_file_that_was_asked_for(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Unwritable) as caught:
        write_whole(tmp_path / "file" / "a.txt", lambda file: file.write(b"x"))
    assert str(caught.value) == (
        f"cannot write {tmp_path}/file/a.txt: {tmp_path}/file cannot be used: file exists; "
        "move it away or choose another folder"
    )


def test_a_folder_is_never_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(Unwritable, match="folder cannot be used: is a directory"):
        write_whole(tmp_path / "folder", lambda file: file.write(b"x"))


def test_a_symbolic_link_is_followed(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.txt").write_bytes(b"old")
    for name, target in (("link", "deep/a.txt"), ("dangling", "deep/b.txt")):
        (tmp_path / name).symlink_to(target)
        write_whole(tmp_path / name, lambda file: file.write(b"new"))
        assert (tmp_path / name).is_symlink()
    assert contents(tmp_path / "deep") == {"a.txt": b"new", "b.txt": b"new"}
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StoreError):
        write_whole(tmp_path / "loop" / "a.txt", lambda file: file.write(b"x"))


def test_a_symbolic_link_that_somebody_else_may_have_made_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    for name, target in (("link", "mine"), ("dangling", "new"), ("device", "/dev/full")):
        (tmp_path / name).symlink_to(target)
        write_whole(tmp_path / name, lambda file: file.write(b"figure"), follow=False)
        assert not (tmp_path / name).is_symlink()
    assert contents(tmp_path) == {"mine": b"mine", **dict.fromkeys(("link", "dangling", "device"), b"figure")}


def test_a_pipe_is_written_directly_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, lambda file: file.write(b"x" * 1000))
    reader.join()
    assert received == [b"x" * 1000]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_long_name_is_no_longer_while_it_is_written(tmp_path):
    name = "ä" * 125 + ".txt"  # 254 bytes of at most 255
    write_whole(tmp_path / name, lambda file: file.write(b"x"))
    assert contents(tmp_path) == {name: b"x"}
