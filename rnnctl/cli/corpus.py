"""`corpus`: a text, before anything is trained on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.options import JsonOption
from rnnctl.cli.output import UserError, out, out_json
from rnnctl.words import counted, cut, number, with_se

if TYPE_CHECKING:
    from rnnctl.lab.corpus import CorpusFacts


def corpus(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="FILE|FOLDER|stdlib", help="The text. stdlib is the source of Python's standard library."
        ),
    ] = "stdlib",
    level: Annotated[str, typer.Option("--level", help="The kind of symbols: bytes, chars or bpe.")] = "bytes",
    vocabulary: Annotated[
        int | None,
        typer.Option("--vocabulary", metavar="N", help="Number of symbols of level bpe.", show_default=False),
    ] = None,
    split: Annotated[
        str, typer.Option("--split", metavar="F,F,F", help="Fractions for training, validation and test.")
    ] = "0.9,0.05,0.05",
    as_json: JsonOption = False,
) -> None:
    """Show the size, hash, symbols and splits of a text. Also show the losses that are reached on it without a network.

    Unigram and bigram are fitted to the training split, and smoothed in the way that is best on the validation split. ±
    is the standard error. The entropy is the loss that they would have if they were
    fitted to the split itself; no unigram or bigram does better there. The vocabulary of level bpe is trained on first
    use and kept.
    """
    from rnnctl.lab.corpus import describe

    facts = describe(reference, level, vocabulary, _fractions(split))
    if as_json:
        out_json(facts)
    else:
        _print(facts)


def _fractions(text: str) -> list[float]:
    try:
        return [float(fraction) for fraction in text.split(",")]
    except ValueError:
        raise UserError(f"--split {cut(text)}: three fractions, separated by commas, such as 0.9,0.05,0.05") from None


def _print(facts: CorpusFacts) -> None:
    files = counted(facts.files, "file")
    out(f"{facts.corpus}: {facts.bytes:,} bytes in {files}, sha256 {facts.sha256}")
    out(f"level {facts.level}: {facts.symbols:,} symbols, sha256 {facts.vocabulary_sha256}")
    out()
    cells = [
        [
            name,
            f"{split.length:,}",
            predictor,
            with_se(floor.nats, floor.nats_se),
            number(floor.bits_per_byte),
            number(100 * floor.error),
            number(entropy),
        ]
        for name, split in facts.splits.items()
        for predictor, floor, entropy in (
            ("uniform", split.uniform, None),
            ("unigram", split.unigram, split.unigram_entropy),
            ("bigram", split.bigram, split.bigram_entropy),
        )
    ]
    out(
        *table(
            ["split", "symbols", "predictor", "nats", "bits per byte", "error %", "entropy"],
            cells,
            drop=["error %", "entropy"],
        ),
        whole=True,
    )
