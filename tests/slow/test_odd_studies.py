"""Thousands of damaged study files, and of files with extreme numbers: each is read, or refused in one line that names
the file; none hangs, and none takes much memory.
"""

from __future__ import annotations

import copy
import json
import random
import re
import resource
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from rnnctl.study.errors import SpecError
from rnnctl.study.loading import Study, load_study
from rnnctl.training.memory import bytes_on_cpu
from rnnctl.training.too_large import Room, too_large
from tests.cli.command_line import rnnctl
from tests.places import small_data
from tests.slow.bounds import bounded
from tests.slow.extreme_numbers import bases, numeric_keys, study_with_extremes

STUDIES = 4000
EXTREMES = 3000
# How a refusal begins: with the file, the line and the key.
AT_A_KEY = re.compile(r"\./odd\.yaml:\d+: (base|cases|grid|zip|random|seeds|refine)\b[^ ]*: ")
PLANNED = 50  # every so many, one also goes through the command line
MEMORY = 8 << 30  # bytes on top of what the process has when it begins
FEW_BYTES = 1 << 30  # that reading a study with extreme numbers may take

RICH = """\
study: rich
about: |
  Every section of the language, in few runs.
base:
  task: {name: temporal_order, min_length: 20, max_length: 30}
  model: {name: rnn, hidden: 20, init: {name: smart_tanh, connections: 5}}
  train: {updates: 50, batch: 4, lr: 0.01, clip: {cutoff: 1.0}, omega: 0.5}
  check: {every: 10, samples: 20, chunk: 10, diagnostic_batch: 3}
  stop: {solved: never}
cases:
  A: {}
  B: {train.lr: 0.1, model.init: orthogonal}
grid:
  model.hidden: [20, 24]
  train.omega: {linspace: [0, 1, 3]}
zip:
  method: [{train.clip: none}, {train.clip: 2.0, train.batch: 8}]
random: {n: 2, seed: 7, train.lr: {loguniform: [1e-5, 0.1]}}
exclude:
  - {model.hidden: 24, train.batch: 8}
when:
  train.omega: {model.init: smart_tanh}
seeds: [1, 2]
refine:
  best: 10%
  variants:
    longer: {train.updates: 90, if: {model.hidden: 20}}
"""
PACKAGED = ("quickstart", "temporal-order-short", "text-truncation")

ODD_VALUES: list[Any] = [
    None, True, False, "", " ", "none", "x", "1e-4", "é", "a\nb", "\x1b[31m", "x" * 5000, 0, -0.0, -1, 1, 2, 7,
    2**31, 2**63, 10**30, 0.5, -2.5, 1e-320, 1e308, float("nan"), float("inf"), [], {}, [[]], [None], {"": 1},
    {"name": "rnn"}, {"name": []}, {"range": [5, 1]}, {"logspace": [0, 1, 3]}, {"uniform": [1, "x"]},
    [1, [2, [3]]],
]  # fmt: skip
ODD_TEXTS = [
    "&a ", "*a", "<<: *a", "&a [*a]", "!!python/object/apply:os.getcwd []", "!!binary aa", "!x ", "? ", "|", ">",
    "%YAML 9", "---\n", "...\n", "\x00", "\u2028", "\ufeff", "\x85", "\t", "{", "}", "[", "]", "'", '"', ", ",
    "- ", ": ", "#", "~", "@", "`", "1e400", ".nan", "-.inf", "0x1f", "012", "1_000", "1:30", "2001-01-01", "=", "é",
    "\U0001f600", "\\ud800",
]  # fmt: skip
ENCODINGS = ("utf-16", "utf-32", "utf-8-sig", "latin-1", "cp037")


@pytest.fixture
def little_memory() -> Iterator[None]:
    """A study that needs gigabytes is an error here, and not the end of the machine."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MEMORY, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


def sources() -> list[str]:
    """The texts that are damaged."""
    packaged = resources.files("rnnctl.studies")
    return [RICH, *((packaged / f"{name}.yaml").read_text() for name in PACKAGED)]


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key of a tree of mappings and lists."""
    keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from places(node[key])


def other_tree(text: str, dice: random.Random) -> str:
    """Return the study with one to three values replaced, removed, moved, renamed or nested."""
    tree = yaml.safe_load(text)
    for _ in range(dice.randint(1, 3)):
        spots = list(places(tree))
        if not spots:
            break
        container, key = dice.choice(spots)
        change = dice.choice(["replace", "replace", "remove", "move", "rename", "nest"])
        if change == "replace":
            container[key] = copy.deepcopy(dice.choice(ODD_VALUES))
        elif change == "remove":
            del container[key]
        elif change == "move":
            other, there = dice.choice(spots)
            container[key] = copy.deepcopy(other[there])
        elif change == "rename" and isinstance(container, dict):
            letters = list(str(key))
            letters[dice.randrange(len(letters))] = dice.choice("abz._ -é1")
            container["".join(letters)] = container.pop(key)
        else:
            container[key] = dice.choice([[container[key]], {"name": container[key]}, {str(key): container[key]}])
    return json.dumps(tree, indent=dice.choice([None, 1]), ensure_ascii=dice.random() < 0.5, default=str)


def other_text(text: str, dice: random.Random) -> str:
    """Return the study with one to four lines or characters added, removed or moved."""
    for _ in range(dice.randint(1, 4)):
        lines = text.split("\n")
        here = dice.randrange(len(lines))
        change = dice.choice(["insert", "insert", "insert", "cut", "delete", "double", "swap", "indent", "tail"])
        if change == "insert":
            at = dice.randint(0, len(lines[here]))
            lines[here] = lines[here][:at] + dice.choice(ODD_TEXTS) + lines[here][at:]
        elif change == "cut":
            start, end = sorted(dice.choices(range(len(lines[here]) + 1), k=2))
            lines[here] = lines[here][:start] + lines[here][end:]
        elif change == "delete":
            del lines[here]
        elif change == "double":
            lines.insert(here, lines[here])
        elif change == "swap":
            there = dice.randrange(len(lines))
            lines[here], lines[there] = lines[there], lines[here]
        elif change == "indent":
            lines[here] = " " * dice.randint(0, 4) + lines[here].lstrip()
        else:
            lines = lines[:here]
        text = "\n".join(lines) or " "
    return text


def other_bytes(text: str, dice: random.Random) -> bytes:
    """Return the study in another encoding, cut off, or with some bytes changed."""
    change = dice.choice(["encode", "cut", "flip"])
    if change == "encode":
        return text.encode(dice.choice(ENCODINGS), errors="replace")
    content = bytearray(text.encode())
    if change == "cut":
        return bytes(content[: dice.randrange(len(content))])
    for _ in range(dice.randint(1, 5)):
        content[dice.randrange(len(content))] = dice.randrange(256)
    return bytes(content)


def damaged(dice: random.Random) -> bytes:
    """Return a study file that has been changed in some way."""
    text = dice.choice(sources())
    kind = dice.choices(["tree", "text", "bytes"], [5, 4, 1])[0]
    if kind == "bytes":
        return other_bytes(text, dice)
    return (other_tree if kind == "tree" else other_text)(text, dice).encode(errors="surrogatepass")


@pytest.mark.usefixtures("little_memory")
def test_every_damaged_study_is_read_or_refused_in_one_line(tmp_path, figure, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    file = Path("odd.yaml")
    dice = random.Random(3)
    ends: Counter[str] = Counter()
    messages = set()
    for number in range(STUDIES):
        content = damaged(dice)
        file.write_bytes(content)
        try:
            with bounded():
                study = load_study("./odd.yaml")
        except SpecError as error:
            ends["refused"] += 1
            line = str(error)
            assert line.isprintable(), (content, line)
            assert "odd.yaml" in line, (content, line)
            messages.add(error.message)
        except BaseException as error:
            raise AssertionError(f"study {number}: {content!r}") from error
        else:
            assert isinstance(study, Study)
            assert study.runs
            ends["read"] += 1
        if number % PLANNED == 0:
            assert_planned_or_refused(tmp_path)
    for end, count in ends.items():
        figure(f"{end}:", count)
    figure("different refusals:", len(messages))
    assert min(ends["read"], ends["refused"]) > STUDIES / 20, "both happen"


@pytest.mark.usefixtures("little_memory")
def test_every_study_with_extreme_numbers_is_read_or_refused_with_its_key(tmp_path, figure, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    file, dice = Path("odd.yaml"), random.Random(5)
    ordinary = bases(small_data(tmp_path), dice)
    keys = numeric_keys()
    assert set(ordinary) == set(keys)
    room = Room("this machine", 16 << 30, bytes_on_cpu)
    ends: Counter[str] = Counter()
    refused = set()
    slowest, before = 0.0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(EXTREMES):
        path = keys[number % len(keys)]
        text = study_with_extremes(dice, path, dice.choice(ordinary[path]))
        file.write_text(text)
        start = time.process_time()
        try:
            with bounded():
                study = load_study("./odd.yaml", refuse=partial(too_large, room=room))
        except SpecError as error:
            ends["refused"] += 1
            line = str(error)
            assert line.isprintable(), (text, line)
            assert len(line) < 1000, (text, line)
            assert AT_A_KEY.match(line), (text, line)
            refused.add(path)
        except BaseException as error:
            raise AssertionError(f"study {number}: {text}") from error
        else:
            ends["read"] += 1
            assert all(bytes_on_cpu(run.spec) <= room.bytes for run in study.runs)
        slowest = max(slowest, time.process_time() - start)
        if number % (3 * PLANNED) == 0:
            assert_planned_or_refused(tmp_path)
    for end, count in ends.items():
        figure(f"{end}:", count)
    figure("numeric keys:", len(keys))
    figure("slowest study:", f"{slowest:.1f} s of CPU")
    taken = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    figure("memory:", f"{taken / 2**20:.0f} MiB")
    assert taken < FEW_BYTES
    assert refused == set(keys), "each key has numbers that are refused"
    assert min(ends["read"], ends["refused"]) > EXTREMES / 20, "both happen"


def assert_planned_or_refused(folder: Path) -> None:
    done = rnnctl("plan", "./odd.yaml", cwd=folder)
    assert done.returncode in (0, 2)
    if done.returncode == 2:
        assert len(done.stderr.splitlines()) == 1
    assert not (folder / "rnnctl.db").exists()
