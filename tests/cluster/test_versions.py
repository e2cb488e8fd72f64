"""Which nodes of a cluster may train, decided from their answers alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rnnctl import __version__
from rnnctl.cluster import versions
from rnnctl.cluster.versions import PACKAGES, Choice, Installed, Node, answer, choose, here, question, read_answer
from rnnctl.determinism import bit_environment
from rnnctl.lab.errors import Code, LabError

HERE = Installed("1.2", "a" * 64)
BITS = {"rnnctl": "1.2", "torch": "2.13.0", "numpy": "2.4.6", "cpu": "A CPU", "threads": 1, "mkl_cbwr": "AVX2"}


def node(name: str, cpus: float = 2.0, installed: Installed | None = HERE, problem: str = "", **bits: object) -> Node:
    return Node(f"id-{name}", name, cpus, installed, {**BITS, **bits}, problem)


def test_equal_nodes_are_all_used_and_nothing_is_said():
    assert choose([node("a"), node("b")], HERE, mixed=False) == Choice(("id-a", "id-b"), (), node("a"))


@pytest.mark.parametrize(
    ("key", "value"), [("torch", "2.12.0"), ("numpy", "2.3.0"), ("kernels", "numba 1"), ("cpu", "B CPU"), ("gpu", "G")]
)
def test_a_node_with_other_bits_is_used_only_in_a_mixed_cluster(key, value):
    nodes = [node("a"), node("b", **{key: value})]
    choice = choose(nodes, HERE, mixed=False)
    assert choice.used == ("id-a",)
    (note,) = choice.notes
    assert note.startswith("node b is not used: its bits would be others than on a: ")
    assert f"{key} {value}, not {BITS.get(key, 'none')}" in note
    assert "--mixed" in note
    choice = choose(nodes, HERE, mixed=True)
    assert choice.used == ("id-a", "id-b")
    (note,) = choice.notes
    assert f"{key} {value}" in note
    assert "marked as not exact" in note


def test_the_kind_of_node_with_most_cpus_is_used():
    nodes = [node("head", 1, cpu="B CPU"), node("a", 2), node("c", 2, cpu="B CPU"), node("b", 2)]
    assert choose(nodes, HERE, mixed=False).used == ("id-a", "id-b")
    assert choose(nodes[:3], HERE, mixed=False).used == ("id-head", "id-c")
    assert choose([node("x", cpu="B CPU"), node("a")], HERE, mixed=False).used == ("id-x",), "the first of equals"


def test_nodes_that_join_later_are_compared_with_one_that_trains_already():
    late = [node("x", 64, cpu="B CPU"), node("y"), node("z", installed=None)]
    choice = choose(late, HERE, mixed=False, reference=node("a"))
    assert (choice.used, choice.reference) == (("id-y",), node("a"))
    assert [note.partition(":")[0] for note in choice.notes] == ["node z is not used", "node x is not used"]
    assert choose(late[2:], HERE, mixed=False, reference=node("a")).used == (), "the training goes on without it"


@pytest.mark.parametrize("mixed", [False, True])
def test_a_node_with_another_rnnctl_is_refused_even_in_a_mixed_cluster(mixed):
    old, edited = (
        node("old", installed=Installed("1.1", "b" * 64)),
        node("edited", installed=Installed("1.2", "b" * 64)),
    )
    choice = choose([old, node("a"), edited], HERE, mixed)
    assert choice.used == ("id-a",)
    assert choice.notes == (
        "node old is not used: it has rnnctl 1.1, and this is 1.2",
        "node edited is not used: its rnnctl 1.2 (sources bbbbbbbb) has other source files than this one, "
        "1.2 (sources aaaaaaaa)",
    )


def test_without_a_node_that_can_train_the_reason_is_one_line():
    with pytest.raises(LabError) as refused:
        choose([node("a", installed=None), node("b", installed=None)], HERE, mixed=True)
    assert refused.value.code is Code.FAILURE
    assert str(refused.value) == (
        "no node of the cluster can train: node a is not used: rnnctl is not installed there (and 1 other node)"
    )
    with pytest.raises(LabError, match="^the cluster has no node that can train$"):
        choose([], HERE, mixed=False)


def test_this_process_answers_as_a_worker_would():
    answered = answer("cpu")
    assert answered == {"version": __version__, "sources": here().sources, "bits": bit_environment("cpu")}
    assert read_answer("id", "a", 2.0, answered) == Node("id", "a", 2.0, here(), bit_environment("cpu"))


def test_a_device_that_is_not_there_is_a_problem_of_the_node():
    read = read_answer("id", "a", 2.0, answer("cuda:7"))
    assert "cuda:7" in read.problem
    assert choose([node("b", installed=here()), read], here(), mixed=False).used == ("id-b",)


def test_the_question_runs_where_rnnctl_is_missing_or_broken(tmp_path):
    """It travels by value: cloudpickle, as Ray has it, finds no module of ours in it."""
    cloudpickle = pytest.importorskip("cloudpickle")
    (tmp_path / "question").write_bytes(cloudpickle.dumps(question("cpu")))
    ask = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))())"

    def answered(*setting: str) -> dict[str, str]:
        code = f"import sys; {'; '.join(setting)}; {ask}"
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, tmp_path / "question"], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        return eval(done.stdout)

    nowhere = (
        "import importlib.metadata as m; m.version = lambda name: (_ for _ in ()).throw(m.PackageNotFoundError(name))"
    )
    blocked = "sys.modules['rnnctl'] = None"
    missing = answered(nowhere, blocked)
    assert missing == {"missing": sys.executable}
    assert read_answer("id", "a", 2.0, missing).problem == f"rnnctl is not installed there ({sys.executable})"
    broken = answered("import importlib.metadata as m; m.version = lambda name: '0.0.1'", blocked)
    assert broken["version"] == "0.0.1"
    read = read_answer("id", "a", 2.0, broken)
    with pytest.raises(LabError, match="it has rnnctl 0.0.1, and this is"):
        choose([read], here(), mixed=False)
    read = read_answer("id", "a", 2.0, {**broken, "version": __version__})
    assert read.problem.startswith("its rnnctl cannot be imported: ModuleNotFoundError: ")


def test_the_hash_of_the_sources_sees_every_package(tmp_path, monkeypatch):
    assert here() == here()
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    hashes = set()
    for package in ("", *PACKAGES):
        if package:
            (tmp_path / package / "__init__.py").write_text("x = 1\n")
        hashes.add(here.__wrapped__().sources)
    assert len(hashes) == 1 + len(PACKAGES)
