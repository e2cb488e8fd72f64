"""Sources of text: which bytes, in which order, and the errors if there are none."""

import hashlib
import os
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from rnnctl.corpora.corpus import load


def tree(root, **files):
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    return root


def refused(reference, *fragments):
    with pytest.raises(ValueError, match="^corpus") as caught:
        load(str(reference))
    text = str(caught.value)
    assert "\n" not in text
    for fragment in fragments:
        assert fragment in text


def test_a_file_is_its_bytes(tmp_path):
    text = bytes(range(256)) * 3
    (tmp_path / "all.bin").write_bytes(text)
    corpus = load(str(tmp_path / "all.bin"))
    assert (corpus.text, corpus.sha256, corpus.name) == (text, hashlib.sha256(text).hexdigest(), "all.bin")


def test_a_folder_is_what_find_sort_and_cat_print(tmp_path):
    names = ["b", "a/z", "a-b", "a/b/c", "a.txt", "Z", "é", "a b", "empty", "a/~"]
    for i, name in enumerate(names):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name == "empty" else f"{name} {i}".encode())
    (tmp_path / os.fsdecode(b"\xff")).write_bytes(b"no name in UTF-8")
    command = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 cat"
    expected = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=True).stdout
    assert load(str(tmp_path)).text == expected
    assert expected.startswith(b"Z 5a b 7a-b 2a.txt 4a/b/c 3a/z 1")


def test_hidden_files_and_links_to_folders_are_left_out_and_links_to_files_are_not(tmp_path):
    elsewhere = tree(tmp_path / "elsewhere", file=b"linked;", inner__file=b"never;")
    root = tree(tmp_path / "root", a=b"a;", z=b"z;", **{".hidden": b"no;", ".git__config": b"no;", "b__.x": b"no;"})
    (root / "link").symlink_to(elsewhere / "file")
    (root / "folder").symlink_to(elsewhere / "inner")
    (root / "dangling").symlink_to(elsewhere / "nothing")
    assert load(str(root)).text == b"a;linked;z;"


def test_a_copy_elsewhere_is_the_same_corpus_however_it_is_split_into_files(tmp_path):
    corpus = load(str(tree(tmp_path / "one", a=b"first ", b=b"second")))
    other = load(str(tree(tmp_path / "other", c__d=b"first ", c__e=b"second")))
    (tmp_path / "file").write_bytes(b"first second")
    assert corpus.sha256 == other.sha256 == load(str(tmp_path / "file")).sha256
    assert load(str(tree(tmp_path / "swapped", a=b"second", b=b"first "))).sha256 != corpus.sha256


def test_a_place_in_the_text_is_a_place_in_a_file(tmp_path):
    corpus = load(str(tree(tmp_path / "root", a=b"12", b=b"", c=b"345")))
    for offset, (name, byte) in enumerate([("a", 0), ("a", 1), ("c", 0), ("c", 1), ("c", 2)]):
        assert corpus.locate(offset) == f"{tmp_path / 'root' / name}, byte {byte}"


def test_paths_are_taken_from_here_and_from_home(tmp_path, monkeypatch):
    (tmp_path / "text").write_bytes(b"here")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load("text").text == load("~/text").text == b"here"


# --- the standard library ---------------------------------------------------------------------------------------------


def test_stdlib_is_the_source_that_python_imports_from_and_the_same_twice():
    corpus = load("stdlib")
    root = Path(sysconfig.get_path("stdlib"))
    assert corpus == load("stdlib")
    assert corpus.name == "stdlib"
    assert len(corpus.text) > 5_000_000
    files = [Path(file).relative_to(root).as_posix() for file, _ in corpus.files]
    assert files == sorted(files)
    assert {"abc.py", "asyncio/__init__.py", "json/decoder.py", "unittest/mock.py"} <= set(files)
    for name in ("test/", "tests/", "idle_test/", "site-packages/", "dist-packages/", "__pycache__/"):
        assert not [file for file in files if f"/{name}" in f"/{file}"]
    assert all(file.endswith(".py") and not file.startswith(("_sysconfigdata", "config-")) for file in files)
    assert corpus.text == b"".join((root / file).read_bytes() for file in files)
    # Nothing else is missing: every module with source in Python's own list is there.
    tops = {file.split("/")[0].removesuffix(".py") for file in files}
    present = {name for name in sys.stdlib_module_names if (root / f"{name}.py").exists() or (root / name).is_dir()}
    assert {name for name in present - tops if not name.startswith("_sysconfigdata")} <= {"test"}


def test_a_file_called_stdlib_is_named_by_a_path(tmp_path, monkeypatch):
    (tmp_path / "stdlib").write_bytes(b"mine")
    monkeypatch.chdir(tmp_path)
    assert load("./stdlib").text == b"mine"
    assert load("stdlib").text != b"mine"


def test_a_python_without_source(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "python311.zip"))
    refused("stdlib", "no source files", "python311.zip")


# --- errors -----------------------------------------------------------------------------------------------------------


def test_a_path_that_does_not_exist(tmp_path):
    refused(tmp_path / "nothing", str(tmp_path / "nothing"), "no such file or folder", "stdlib")
    refused("", "no such file or folder")


def test_empty_files_and_folders(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    refused(tmp_path / "empty", "empty")
    refused(tree(tmp_path / "folder", a=b"", b__c=b""), "folder", "empty")
    (tmp_path / "bare" / "inner").mkdir(parents=True)
    refused(tmp_path / "bare", "a folder without files")


def test_pipes_sockets_and_loops(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "neither a file nor a folder")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
    refused(tmp_path / "socket", "neither a file nor a folder")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "loop", "no such file or folder")


@pytest.mark.parametrize("what", ["file", "a file of a folder", "folder below"])
def test_files_and_folders_that_cannot_be_read(what, tmp_path, monkeypatch):
    root = tree(tmp_path / "root", a=b"a", closed__b=b"b")
    wanted = {"file": root / "a", "a file of a folder": root, "folder below": root}[what]
    closed = root / "closed" if what == "folder below" else root / "a"
    # Permissions do not stop root, who may run this test.
    read_bytes, scandir = Path.read_bytes, os.scandir

    def refuse(call):
        def guarded(path):
            if Path(path) == closed:
                raise PermissionError(13, "Permission denied", str(path))
            return call(path)

        return guarded

    monkeypatch.setattr(Path, "read_bytes", refuse(read_bytes))
    monkeypatch.setattr(os, "scandir", refuse(scandir))
    refused(wanted, str(closed), "cannot be read: Permission denied")


def test_a_name_that_is_too_long(tmp_path):
    refused(tmp_path / ("x" * 300), "cannot be read: File name too long")
