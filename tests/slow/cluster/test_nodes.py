"""What nodes have, get and are refused for: texts, code, versions, slots. Bits are those of a plain training."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.cli.command_line import bits, counts, rnnctl, rows, train_here, workspace
from tests.cli.survival import assert_unbroken
from tests.slow.bounds import bounded
from tests.slow.cluster.machines import STUDY, UPDATES, Training, attempts, current_workers, send
from tests.usercode.written import SIGNS, STAIRS
from tests.usercode.written import STUDY as USERS_STUDY

ROOT = Path(__file__).parents[3]
TEXT_STUDY = """\
study: texts
base:
  task: {name: text, corpus: CORPUS, window: 20}
  model: {hidden: 16, init: orthogonal}
  train: {updates: 60, batch: 5}
  check: {every: 20, samples: 40, chunk: 20, diagnostic_batch: 5}
  stop: {solved: never}
seeds: [1, 2, 3, 4]
"""


@pytest.fixture(autouse=True)
def alone(cluster):
    """Each test adds nodes of its own, and takes seconds on a quiet machine."""
    cluster.only()
    with bounded():
        yield


def plain(folder: Path, study: str) -> dict:
    """The bits of a study that was trained on this machine."""
    workspace(folder, study)
    train_here(folder)
    return bits(folder)


def test_a_text_travels_once_to_each_node(cluster, tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name in ("a.txt", "b.txt"):
        (corpus / name).write_text("".join(f"{n} bottles, {n * n} squares in {name}; " for n in range(400)))
    study = TEXT_STUDY.replace("CORPUS", str(corpus))
    expected = plain(tmp_path / "plain", study)
    folder = workspace(tmp_path / "w", study)
    caches = [tmp_path / f"cache-{number}" for number in range(2)]
    for cache in caches:
        cache.mkdir()
        shutil.copytree(_kernels(), cache / "kernels", dirs_exist_ok=True)
        cluster.add(RNNCTL_CACHE=str(cache))
    Training(folder, cluster.address, "--pack", 1).wait(0)
    assert bits(folder) == expected
    whole = b"".join((corpus / name).read_bytes() for name in ("a.txt", "b.txt"))
    for cache in caches:
        texts = [path for path in (cache / "data").iterdir() if path.suffix != ".lock"]
        assert [path.read_bytes() for path in texts] == [whole]


def _kernels() -> Path:
    """Return where this process keeps its compiled kernels, so that nodes need not compile them again."""
    from rnnctl.cache_folder import cache_folder

    folder = cache_folder() / "kernels"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_code_of_users_travels_with_permission_only(cluster, tmp_path):
    study = USERS_STUDY + "seeds: [1, 2]\n"
    folders = [tmp_path / name for name in ("plain", "w")]
    for folder in folders:
        (folder / "lab").mkdir(parents=True)
        (folder / "signs.py").write_text(SIGNS)
        (folder / "lab" / "stairs.py").write_text(STAIRS)
        (folder / "yaml.py").write_text("raise RuntimeError('a module of the user in place of a package')\n")
        (folder / "study.yaml").write_text(study)
        rnnctl("init", "study.yaml", "--allow-code", cwd=folder, check=0)
    plain_folder, folder = folders
    rnnctl("train", "--allow-code", cwd=plain_folder, check=0)
    cluster.add(cpus=2)
    rnnctl("trust", "signs", "lab.stairs", cwd=folder, check=0, XDG_CONFIG_HOME=str(tmp_path / "settings"))
    refused = Training(folder, cluster.address, XDG_CONFIG_HOME=str(tmp_path / "settings")).wait(1)
    assert "is sent to other machines only with --allow-code" in refused
    assert counts(folder)["queued"] == 2
    Training(folder, cluster.address, "--allow-code").wait(0)
    assert bits(folder) == bits(plain_folder)


def fake(folder: Path, kind: str) -> str:
    """Return a folder for PYTHONPATH that makes a node another one, of some kind."""
    folder.mkdir()
    if kind == "other bits":
        (folder / "sitecustomize.py").write_text("import numpy\nnumpy.__version__ += '.post9'\n")
        return f"{folder}:{ROOT}"
    if kind == "no rnnctl":
        (folder / "rnnctl").mkdir()
        (folder / "rnnctl" / "__init__.py").write_text("raise ImportError('there is no rnnctl here')\n")
        return str(folder)
    for package in ("rnnctl", "jobs", "store", "plots"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "jobs" / "config.py").open("a") as file:
        file.write("# edited\n")
    return str(folder)


def test_nodes_that_are_other_ones_are_not_used(cluster, tmp_path, undisturbed):
    folder = workspace(tmp_path / "w", STUDY)
    cluster.add(cpus=2)  # most CPUs, so that nodes are compared with it in whichever order Ray names them
    for kind in ("other bits", "no rnnctl", "edited"):
        cluster.add(PYTHONPATH=fake(tmp_path / kind.replace(" ", "-"), kind))
    said = Training(folder, cluster.address, slots=1).wait(0)
    notes = [line for line in said.splitlines() if "is not used" in line]
    assert len(notes) == 3, said
    for fragment in (".post9, not ", "rnnctl cannot be imported: ImportError", "has other source files"):
        assert sum(fragment in note for note in notes) == 1, notes
    assert_unbroken(folder, undisturbed, UPDATES)
    assert all(attempt.exact for attempt in attempts(folder))


def test_in_a_mixed_cluster_what_goes_on_elsewhere_is_marked(cluster, tmp_path):
    folder = workspace(tmp_path / "w", STUDY)
    first = cluster.add()
    other = cluster.add(PYTHONPATH=fake(tmp_path / "other", "other bits"))
    training = Training(folder, cluster.address, "--mixed")
    training.busy_worker()
    training.wait_until(lambda: len({row.worker for row in rows(folder) if row.step and row.worker}) == 2, "both train")
    cluster.end(first)
    said = training.wait(0)
    assert "differs from" in said
    went_on = [attempt for attempt in attempts(folder) if attempt.start_step > 0]
    assert went_on
    assert not any(attempt.exact for attempt in went_on)
    assert all(attempt.exact for attempt in attempts(folder) if attempt.start_step == 0)
    cluster.end(other)


HOLD = """\
import sys
import ray

@ray.remote(num_cpus=1)
class Holder:
    def hold(self):
        return "held"

ray.init(address=sys.argv[1], log_to_driver=False)
holder = Holder.remote()
print(ray.get(holder.hold.remote()), flush=True)
sys.stdin.read()
"""


@contextmanager
def another_program(cluster) -> Iterator[None]:
    """Inside `with`, another program holds one CPU of the cluster."""
    command = [sys.executable, "-c", HOLD, cluster.address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout.readline() == "held\n"
            yield
        finally:
            program.stdin.close()


@pytest.mark.parametrize("for_", ["a node that joins", "another program that leaves"])
def test_a_worker_without_a_slot_waits(cluster, tmp_path, undisturbed, for_):
    folder = workspace(tmp_path / "w", STUDY)
    joins = for_ == "a node that joins"
    cluster.add(cpus=1 if joins else 2)
    with ExitStack() as held:
        if not joins:
            held.enter_context(another_program(cluster))
        training = Training(folder, cluster.address, "--pack", 1, "--lease", 300)
        first = training.busy_worker()
        training.wait_until(lambda: "waiting for a free slot, which takes 1 CPU" in training.said, "it says so")
        assert "(0 free)" in training.said
        assert len(current_workers(folder)) == 1
        send(first.pid, signal.SIGSTOP)  # or it may have trained everything before the second one has started
    if joins:
        cluster.add()
    training.wait_until(lambda: len(current_workers(folder)) == 2, "the second worker starts")
    send(first.pid, signal.SIGCONT)
    training.wait(0)
    assert_unbroken(folder, undisturbed, UPDATES)


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        (("--gpus-per-slot", "1"), "no node has a GPU"),
        (("--cpus-per-slot", "8"), "no node has more than 1"),
    ],
)
def test_what_no_node_has_is_refused_in_one_line(cluster, tmp_path, options, fragment):
    folder = workspace(tmp_path / "w", STUDY)
    cluster.add()
    said = Training(folder, cluster.address, *options).wait(1)
    lines = said.strip().splitlines()
    assert len(lines) == 1, said
    assert fragment in said
    assert counts(folder)["queued"] == 4


def test_a_cluster_of_another_version_of_ray_is_refused_in_one_line(cluster, tmp_path):
    folder = workspace(tmp_path / "w", STUDY)
    (tmp_path / "driver").mkdir()
    (tmp_path / "driver" / "sitecustomize.py").write_text("import ray\nray.__version__ = '9.9.9'\n")
    said = Training(folder, cluster.address, PYTHONPATH=f"{tmp_path / 'driver'}:{ROOT}").wait(1)
    assert len(said.strip().splitlines()) == 1, said
    assert "9.9.9" in said
