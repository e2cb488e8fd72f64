"""`grammar`: the grammar of a lexicon, and what can be known of its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.options import JsonOption
from rnnctl.cli.output import out, out_json
from rnnctl.words import counted, number

if TYPE_CHECKING:
    from rnnctl.lab.grammar import GrammarFacts


def grammar(
    lexicon: Annotated[str, typer.Argument(metavar="LEXICON", help="The lexicon: lab or elman.")] = "lab",
    last: Annotated[
        int, typer.Option("--last", min=0, max=1000, metavar="N", help="The greatest number of characters back.")
    ] = 25,
    as_json: JsonOption = False,
) -> None:
    """Show a grammar of the task grammar: words, templates, and what can be known of its text.

    Entropies are in nats per character, at a random place of the endless stream of sentences. A row k has the entropy
    of the next character given the last k; the perfect loss on windows of k characters, which is the mean of the
    entropies given the last 1 to k; and how often the best guess at the character k before the present one is right,
    given the present one alone.
    """
    from rnnctl.lab.grammar import describe

    facts = describe(lexicon, last)
    if as_json:
        out_json(facts)
    else:
        _print(facts)


def _print(facts: GrammarFacts) -> None:
    words = len({*facts.spelled, *(word for words in facts.categories.values() for word in words)})
    out(
        f"lexicon {facts.lexicon}: {counted(words, 'word')}, {counted(len(facts.templates), 'template')}, "
        f"{counted(facts.sentences, 'sentence')} of {number(facts.mean_length)} characters on average, "
        "with the space after each"
    )
    out(f"entropy given all before: {number(facts.entropy)} nats per character")
    out()
    categories = [*facts.categories.items(), *([("in templates", facts.spelled)] if facts.spelled else [])]
    out(*table(["category", "words"], [[name, " ".join(words)] for name, words in categories]), whole=True)
    out()
    templates = [[each.template, f"{each.sentences:,}", each.example] for each in facts.templates]
    out(*table(["template", "sentences", "example"], templates, drop=["example"]), whole=True)
    out()
    lags = [
        [
            str(lag.k),
            number(lag.entropy),
            number(lag.window),
            number(None if lag.guess is None else 100 * lag.guess),
        ]
        for lag in facts.lags
    ]
    columns = ["k", "entropy given last k", "perfect loss on windows of k", "guess k back right %"]
    out(*table(columns, lags), whole=True)
