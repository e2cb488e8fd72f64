"""Names of exported files."""

from types import SimpleNamespace

import pytest

from rnnctl.report.export.names import file_names
from tests.report.export.runs import row


def test_file_names_are_safe_and_no_two_are_the_same():
    labels = [
        "EC7 seed=1",
        "init=smart_tanh(connections=5) lr=1e-05",
        "a/../b",
        "x" * 300,
        "twice",
        "twice",
        "ec7 seed=1",
    ]
    names = file_names([SimpleNamespace(label=label, run_id=f"r{i}") for i, label in enumerate(labels)])
    assert names["r1"] == "init=smart_tanh_connections=5_lr=1e-05"
    assert names["r4"] == "twice_r4"
    assert names["r5"] == "twice_r5"
    assert len({name.casefold() for name in names.values()}) == len(labels), "also where case does not count"
    assert all("/" not in name and " " not in name and len(name) < 200 for name in names.values())


@pytest.mark.parametrize("label", ["", "..", "模", "/", "../.."])
def test_a_label_without_safe_characters_has_a_file_name_all_the_same(label):
    odd = row(label)
    assert file_names([odd]) == {odd.run_id: f"_{odd.run_id}"}
