"""The grammars that studies can name.

lab    A template grammar of English sentences with determiners and inflected verbs, as a web page of ten experiments on
       a character-level network describes it: seven categories with 35 words, and 16 templates, of which it names two.
       The other 14, here, are of the same kind. Humans and animals are subjects; they differ in what they do and in
       what is done to them. `the cat watches` is a sentence and the beginning of others (`the cat watches the boy`), so
       that a reader learns only from the next word whether `the boy` ends a sentence or begins one.
elman  The grammar of Elman (1990): bare words without determiners and inflection. Twelve categories, 16 templates and
       29 words are listed, and these are used. His text speaks of 13 categories and of 15 templates.

A run is known by the name of its lexicon: the name always has to mean the same sentences. So SHA256 holds the hash of
each, and a lexicon that was edited is refused. One with other words or templates gets a name of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from rnnctl.grammars.grammar import Grammar


def third_person(verb: str) -> str:
    """Return a regular verb in the third person singular: sleeps, chases, watches."""
    return verb + ("es" if verb.endswith(("ch", "sh", "s", "x", "z")) else "s")


def _inflected(verbs: str) -> tuple[str, ...]:
    return tuple(third_person(verb) for verb in verbs.split())


def _listed(**categories: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(words.split()) for name, words in categories.items()}


LAB = Grammar(
    "lab",
    {
        "NOUN_HUMAN": ("boy", "girl", "man", "woman", "king", "queen"),
        "NOUN_ANIMAL": ("cat", "dog", "lion", "bird", "fish", "mouse"),
        "NOUN_FOOD": ("bread", "cake", "apple", "milk", "cookie"),
        "NOUN_OBJECT": ("book", "rock", "glass", "plate", "ball"),
        "VERB_INTRAN": _inflected("sleep walk think swim"),
        "VERB_TRAN": _inflected("chase eat see break read move"),
        "VERB_PERCEPT": _inflected("smell hear watch"),
    },
    (
        "the NOUN_HUMAN VERB_INTRAN",
        "the NOUN_HUMAN VERB_TRAN the NOUN_OBJECT",
        "the NOUN_HUMAN VERB_TRAN the NOUN_HUMAN",
        "the NOUN_HUMAN VERB_TRAN the NOUN_ANIMAL",
        "the NOUN_HUMAN VERB_TRAN the NOUN_FOOD",
        "the NOUN_HUMAN VERB_PERCEPT the NOUN_HUMAN",
        "the NOUN_HUMAN VERB_PERCEPT the NOUN_ANIMAL",
        "the NOUN_HUMAN VERB_PERCEPT the NOUN_FOOD",
        "the NOUN_HUMAN VERB_PERCEPT the NOUN_OBJECT",
        "the NOUN_ANIMAL VERB_INTRAN",
        "the NOUN_ANIMAL VERB_PERCEPT",
        "the NOUN_ANIMAL VERB_TRAN the NOUN_HUMAN",
        "the NOUN_ANIMAL VERB_TRAN the NOUN_ANIMAL",
        "the NOUN_ANIMAL VERB_TRAN the NOUN_FOOD",
        "the NOUN_ANIMAL VERB_PERCEPT the NOUN_HUMAN",
        "the NOUN_ANIMAL VERB_PERCEPT the NOUN_FOOD",
    ),
)

ELMAN = Grammar(
    "elman",
    _listed(
        HUM="man woman boy girl",
        ANIM="cat dog mouse",
        INANIM="book rock car",
        AGRESS="dragon monster lion",
        FRAG="glass plate",
        FOOD="cookie bread sandwich",
        INTRAN="think sleep exist",
        TRAN="see chase like",
        AGPAT="move break",
        PERCEPT="smell see",
        DESTROY="break smash",
        EAT="eat",
    ),
    (
        "HUM EAT FOOD",
        "HUM PERCEPT INANIM",
        "HUM DESTROY FRAG",
        "HUM INTRAN",
        "HUM TRAN HUM",
        "HUM AGPAT INANIM",
        "HUM AGPAT",
        "ANIM EAT FOOD",
        "ANIM TRAN ANIM",
        "ANIM AGPAT INANIM",
        "ANIM AGPAT",
        "INANIM AGPAT",
        "AGRESS DESTROY FRAG",
        "AGRESS EAT HUM",
        "AGRESS EAT ANIM",
        "AGRESS EAT FOOD",
    ),
)

GRAMMARS: Mapping[str, Grammar] = {grammar.name: grammar for grammar in (LAB, ELMAN)}

SHA256: Mapping[str, str] = {
    "lab": "49f4cc7f501e04718a7f8700dc0f91d92f6f30008c13bda8e6ce30e87382753a",
    "elman": "d9a38bd87420131eac916ea7403036cbc504a12531234878da52489c816def38",
}


def grammar_of(lexicon: str) -> Grammar:
    """Return the grammar of a lexicon. Raise ValueError if it has been edited since its hash was written down."""
    grammar = GRAMMARS[lexicon]
    if grammar.sha256 != SHA256.get(lexicon):
        raise ValueError(
            f"lexicon {lexicon} was edited, and runs are known by the name of their lexicon: put its words and "
            "templates back, or give the edited one a name of its own (rnnctl/grammars/lexicons.py)"
        )
    return grammar
