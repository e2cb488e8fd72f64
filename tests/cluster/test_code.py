"""The code of users' parts that travels to the nodes: what is needed and nothing else, and only if it is allowed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rnnctl.cluster import code
from rnnctl.cluster.code import pack
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.usercode import code_of
from rnnctl.usercode.permission import allow_code
from store import Store
from store.wanted import ALL, Wanted
from tests.cli.command_line import TINY, rnnctl
from tests.usercode.written import SIGNS, STAIRS, STUDY


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a run of a user's optimizer, in a module, and schedule, in a package; and with other runs."""
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    (tmp_path / "signs.py").write_text(SIGNS + "\nfrom beside import HALF\n")
    (tmp_path / "beside.py").write_text("HALF = 0.5\n")
    (tmp_path / "yaml.py").write_text("raise RuntimeError('not for us')\n")
    (tmp_path / "unused.py").write_text("")
    (tmp_path / "data.bin").write_bytes(b"0" * 1000)
    for name in ("__init__.py", "stairs.py", "inner/__init__.py", "inner/later.py", ".hidden/x.py", "table.csv"):
        (tmp_path / "lab" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lab" / name).write_text(STAIRS if name == "stairs.py" else "")
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "tiny.yaml").write_text(TINY)
    rnnctl("init", "study.yaml", "tiny.yaml", "--allow-code", cwd=tmp_path, check=0)
    return tmp_path


def packed(folder: Path, wanted: Wanted = ALL, allowed: bool = True) -> list[str]:
    """What is packed, into the folder `packed` beside the workspace."""
    destination = folder / "packed"
    destination.mkdir()
    with Store.open(folder, readonly=True) as store, allow_code(), code_of(folder):
        return pack(store, wanted, destination, allowed)


PACKAGE = ["lab/__init__.py", "lab/inner/__init__.py", "lab/inner/later.py", "lab/stairs.py"]


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_module_travels_with_the_neighbours_that_it_imports_and_a_package_with_all_its_sources(folder):
    assert packed(folder) == ["beside.py", *PACKAGE, "signs.py"]
    assert files_below(folder / "packed") == ["beside.py", *PACKAGE, "signs.py"]
    assert (folder / "packed" / "signs.py").read_bytes() == (folder / "signs.py").read_bytes()


def test_on_a_node_the_packed_folder_is_enough(folder, tmp_path):
    packed(folder)
    check = (
        "from rnnctl.usercode.permission import allow_code; from rnnctl.usercode.modules import find_source, load\n"
        "with allow_code(): print(load(find_source('signs')).__file__, load(find_source('lab.stairs')))"
    )
    path = f"{folder / 'packed'}:{Path(__file__).parents[2]}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", check], env={"PYTHONPATH": path}, cwd="/", capture_output=True, text=True
    )
    assert done.stdout.startswith(str(folder / "packed" / "signs.py")), done.stderr


def test_without_permission_no_code_travels(folder):
    with pytest.raises(LabError) as refused:
        packed(folder, allowed=False)
    assert str(refused.value) == (
        "1 run of the queue has code of its own (the module signs), which is sent to other machines only with "
        "--allow-code"
    )
    assert refused.value.code is Code.FAILURE
    assert files_below(folder / "packed") == []


def test_runs_without_users_parts_need_no_permission(folder):
    assert packed(folder, Wanted(studies=("tiny",)), allowed=False) == []
    assert files_below(folder / "packed") == []


def test_nothing_beside_an_installed_module_travels(folder, monkeypatch):
    monkeypatch.setattr(code, "_is_installation", lambda root: True)
    assert packed(folder) == [*PACKAGE, "signs.py"]


def test_our_own_packages_never_travel(monkeypatch):
    root = Path(__file__).parents[2]
    assert all(file.relative_to(root).parts[0] not in code.OURS for file in code._loaded_below(root))
    assert code._is_installation(Path(pytest.__file__).parents[1])
    assert not code._is_installation(root)
