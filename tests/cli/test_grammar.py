"""`rnnctl grammar` as a user types it, right and wrong."""

import json
import re

import pytest

from rnnctl.grammars.lexicons import GRAMMARS
from tests.cli.command_line import one_line, rnnctl


@pytest.mark.parametrize("lexicon", GRAMMARS)
def test_what_can_be_known_is_that_of_the_process(lexicon, tmp_path):
    facts = json.loads(rnnctl("grammar", lexicon, "--last", "7", "--json", cwd=tmp_path, check=0).stdout)
    grammar = GRAMMARS[lexicon]
    assert facts["categories"] == {name: list(words) for name, words in grammar.categories.items()}
    assert sum(each["sentences"] for each in facts["templates"]) == facts["sentences"] == len(grammar.sentences)
    assert all(grammar.parse(each["example"]).template == each["template"] for each in facts["templates"])
    assert facts["entropy"] == grammar.process.entropy
    assert [lag["entropy"] for lag in facts["lags"]] == [grammar.process.entropy_given_last(k) for k in range(8)]
    assert facts["lags"][7]["window"] == pytest.approx(
        sum(grammar.process.entropy_given_last(k) for k in range(1, 8)) / 7
    )
    assert facts["lags"][3]["guess"] == grammar.process.guess_back(3)
    assert facts["lags"][0]["guess"] is facts["lags"][0]["window"] is None


def test_the_tables_say_the_same(tmp_path):
    text = rnnctl("grammar", "--last", "2", cwd=tmp_path, check=0).stdout
    assert "lexicon lab: 36 words, 16 templates, 2,064 sentences of 22.96 characters on average" in text
    assert "entropy given all before: 0.3219 nats per character" in text
    assert re.search(r"^NOUN_HUMAN +boy girl man woman king queen$", text, re.M)
    assert re.search(r"^in templates +the$", text, re.M)
    assert re.search(r"^the NOUN_HUMAN VERB_INTRAN +24 +the boy sleeps$", text, re.M)
    assert re.search(r"^ *2 +0\.6026 +0\.9755 +51\.\d+$", text, re.M)


@pytest.mark.parametrize(
    ("args", "fragments"),
    [
        (["labs"], ["there is no lexicon", "labs", "allowed: lab, elman; did you mean lab?"]),
        (["--last", "-1"], ["--last", "must be at least 0"]),
    ],
)
def test_mistakes_get_one_line(args, fragments, tmp_path):
    one_line(rnnctl("grammar", *args, cwd=tmp_path, check=2), *fragments)
