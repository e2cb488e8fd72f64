"""Where the corpora of a study file lie, and texts that are quoted for it."""

import pytest
import yaml

from rnnctl.report.export.places import quoted, with_places
from tests.report.export.runs import ODD


@pytest.mark.parametrize(
    ("named", "places", "placed"),
    [
        ("[x/words, stdlib, words2]", {"/a/x/words", "stdlib", "/a/words2"}, '["/a/x/words", stdlib, "/a/words2"]'),
        ("[../words]", {"/a/words", "/a/words2"}, '["/a/words"]'),
        ("[linked]", {"/data/text"}, '["/data/text"]'),
        ("[linked]", {"/data/text", "/data/more"}, None),
        ("[~/words, /a/words]", {"/home/words"}, "[~/words, /a/words]"),
        ("[words]", set(), None),
    ],
)
def test_which_place_a_relative_corpus_stands_for(named, places, placed):
    source = "study: s\nbase: {task: text}\ngrid: {task.corpus: %s}\n"
    assert with_places(source % named, places) == (placed and source % placed)


def test_a_file_of_weights_is_a_place_too():
    source = "study: s\nbase: {task: xor, model: {init: {name: from, file: %s}}}\n"
    assert with_places(source % "w.npz", {"/a/w.npz", "/a/words"}) == source % '"/a/w.npz"'


@pytest.mark.parametrize("name", [ODD, "\U0001f600 \U000e0001", "plain \\ name", "é"])
def test_what_is_quoted_for_a_study_file_is_printable_and_read_as_the_same(name):
    assert quoted({"corpus": name}).isprintable()
    assert yaml.safe_load(quoted({"corpus": name})) == {"corpus": name}
