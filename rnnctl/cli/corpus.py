"""`corpus`: what a text is before anything is trained on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl.cli.options import JsonOption
from rnnctl.cli.output import UserError, counted, number, out, out_json, table

if TYPE_CHECKING:
    from rnnctl.corpora.floors import Floors
    from rnnctl.corpora.tokens import Tokens

PREDICTORS = ("uniform", "unigram", "bigram")


def corpus(
    reference: Annotated[
        str, typer.Argument(metavar="FILE|FOLDER|stdlib", help="The text; stdlib: Python's own source.")
    ] = "stdlib",
    level: Annotated[str, typer.Option("--level", help="What a symbol is: bytes, chars or bpe.")] = "bytes",
    vocabulary: Annotated[
        int | None, typer.Option("--vocabulary", metavar="N", help="Symbols of level bpe.", show_default=False)
    ] = None,
    split: Annotated[
        str, typer.Option("--split", metavar="F,F,F", help="Fractions for training, validation and test.")
    ] = "0.9,0.05,0.05",
    as_json: JsonOption = False,
) -> None:
    """Show a text's size, hash, symbols and splits, and what is reached on it without a network.

    Unigram and bigram are fitted to the training split. Entropy is what they would pay if they had been fitted to the
    split in question: no unigram or bigram pays less there. A vocabulary of level bpe is trained if none is kept.
    """
    from rnnctl.corpora.corpus import load
    from rnnctl.corpora.floors import NGrams
    from rnnctl.corpora.tokens import tokens_of
    from rnnctl.words import one_line

    fractions = _fractions(split)
    try:
        tokens = tokens_of(load(reference), level, vocabulary, fractions)
        grams = NGrams(tokens.ids["train"], tokens.vocabulary.bytes_per_symbol)
        floors = {name: grams.floors(ids[:-1], ids[1:]) for name, ids in tokens.ids.items()}
    except ValueError as error:
        raise UserError(one_line(str(error))) from error  # a name can have a line break in it
    if as_json:
        out_json(_as_json(tokens, floors))
    else:
        _print(tokens, floors)


def _fractions(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"--split {text}: three fractions, separated by commas, such as 0.9,0.05,0.05") from None


def _as_json(tokens: Tokens, floors: dict[str, Floors]) -> dict[str, Any]:
    known = tokens.vocabulary
    return {
        "corpus": tokens.corpus.name,
        "bytes": len(tokens.corpus.text),
        "files": len(tokens.corpus.files),
        "sha256": tokens.corpus.sha256,
        "level": known.level,
        "symbols": known.symbols,
        "vocabulary_sha256": known.sha256,
        "splits": {
            name: {
                "length": len(ids),
                "bytes": int(known.bytes_per_symbol[ids].sum()),
                **{predictor: vars(getattr(floors[name], predictor)) for predictor in PREDICTORS},
                "unigram_entropy": floors[name].unigram_entropy,
                "bigram_entropy": floors[name].bigram_entropy,
            }
            for name, ids in tokens.ids.items()
        },
    }


def _print(tokens: Tokens, floors: dict[str, Floors]) -> None:
    found, known = tokens.corpus, tokens.vocabulary
    out(f"{found.name}: {len(found.text):,} bytes in {counted(len(found.files), 'file')}, sha256 {found.sha256}")
    out(f"level {known.level}: {known.symbols:,} symbols, sha256 {known.sha256}")
    out()
    cells = [
        [name, f"{len(ids):,}", predictor, *map(number, (floor.nats, floor.bits_per_byte, 100 * floor.error)),
         number(getattr(floors[name], f"{predictor}_entropy", None))]
        for name, ids in tokens.ids.items()
        for predictor in PREDICTORS
        for floor in [getattr(floors[name], predictor)]
    ]  # fmt: skip
    out(table(["split", "symbols", "predictor", "nats", "bits per byte", "error %", "entropy"], cells))
