"""Text: predict the next symbol at every step of windows from a corpus (see rnnctl.tasks.windows)."""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from rnnctl.corpora.corpus import STDLIB, load, size_of
from rnnctl.corpora.splits import SPLITS, fractions_of
from rnnctl.corpora.tokens import tokens_of
from rnnctl.section import DERIVED, PLACE, Mark, also_called
from rnnctl.tasks.section import BYTE, Sizes
from rnnctl.tasks.windows import KnownText, State, Test, Text, Validation, Window, WindowsSection

BYTES_IN_MEMORY = 3  # of each byte of a text: itself, in its split, and as a symbol


class TextSection(WindowsSection):
    """The next symbol of a text, at every step of windows of `window` symbols.

    A text is identified by the hash of its bytes, which is computed when a study is registered. Where it lies is
    not part of a run's identity. A spec that is read back is not changed, whatever lies at that place by then.
    """

    name: Annotated[
        Literal["text"], also_called(text=("language_model", "lm", "language_modeling", "char_rnn", "corpus"))
    ]
    corpus: Annotated[str, PLACE, also_called("file", "path", "data_path", "data_dir", "filename", "dataset")] = Field(
        STDLIB, description="a file, a folder, or stdlib, the source of Python's standard library"
    )
    sha256: Annotated[str | None, DERIVED] = Field(
        None, description="hash of the text; found when the study is registered"
    )
    level: Annotated[
        Literal["bytes", "chars", "bpe"],
        also_called(
            "tokenizer", "tokens", chars=("character", "char_level"), bpe=("words", "word", "subword", "tokens")
        ),
    ] = Field("bytes", description="what a symbol is: a byte, a character, or a token of byte pair encoding")
    vocabulary: Annotated[int | None, also_called("vocab", "vocab_size", "n_vocab", "num_tokens")] = Field(
        None, gt=BYTE, le=2**16, description="number of tokens of level bpe"
    )
    vocabulary_sha256: Annotated[str | None, DERIVED] = Field(
        None, description="hash of the vocabulary of level bpe; found when the study is registered"
    )
    window: Window = 100
    state: State = "reset"
    validation: Validation = Field(0.05, description="share of the text held out for validation")
    test: Test = Field(0.05, description="share of the text held out for test")

    hashes: ClassVar[tuple[str, ...]] = ("sha256", "vocabulary_sha256")

    @model_validator(mode="after")
    def _level_fits(self) -> Self:
        if (self.level == "bpe") != (self.vocabulary is not None):
            needs = (
                "needs vocabulary, its number of tokens"
                if self.level == "bpe"
                else "takes no vocabulary: only bpe does"
            )
            raise ValueError(f"level {self.level} {needs}")
        return self

    def _plain(self, without: Mark | None) -> dict[str, Any]:
        """Return the plain section. While a text has no hash, its place is all that distinguishes it from others."""
        plain = super()._plain(without)
        return {**plain, "corpus": self.corpus} if self.sha256 is None else plain

    def holds_after(self, changed: Collection[str]) -> frozenset[str]:
        if "corpus" in changed:
            return frozenset()
        return frozenset({"sha256"} if changed else self.hashes)

    def identified(self) -> Self:
        text = identify(self.corpus, self.level, self.vocabulary, self.window, self.validation, self.test)
        for key in self.hashes:
            expected = getattr(self, key)
            if expected not in (None, getattr(text, key)):
                raise ValueError(f"{key} {expected} is not that of corpus {self.corpus}, which is {getattr(text, key)}")
        # The vocabularies of the other levels follow from the text.
        vocabulary = text.vocabulary_sha256 if self.level == "bpe" else None
        hashes: dict[str, Any] = {"corpus": text.corpus, "sha256": text.sha256, "vocabulary_sha256": vocabulary}
        return self.model_copy(update=hashes)

    @property
    def sizes(self) -> Sizes:
        symbols = self.vocabulary or BYTE  # more than the characters of a text in one alphabet
        return Sizes(self.window, symbols, symbols)

    @property
    def exact_sizes(self) -> Sizes | None:
        return self.sizes if self.level == "bytes" else None

    @property
    def packages(self) -> tuple[str, ...]:
        return ("tokenizers",) if self.level == "bpe" else ()

    @property
    def data(self) -> tuple[str, str]:
        return self.corpus, self.sha256 or ""

    def portable_data(self) -> bytes:
        return load(self.corpus).text

    @property
    def data_bytes(self) -> int:
        return BYTES_IN_MEMORY * known_size(self.corpus)

    @property
    def symbol(self) -> str:
        return {"bytes": "byte", "chars": "character", "bpe": f"token of {self.vocabulary}"}[self.level]

    def make(self) -> Text:
        """Return the source of windows. Without a hash, these are of whatever text lies at the place."""
        key = self.corpus, self.sha256, self.level, self.vocabulary, self.vocabulary_sha256
        return Text(partial(known_text, *key, self.validation, self.test), self.window, self.state == "carried")


@lru_cache(maxsize=64)
def known_size(reference: str) -> int:
    """Return how many bytes a corpus has, looked up once for all runs of a process."""
    return size_of(reference)


class Identity(NamedTuple):
    """The absolute path of a corpus, its hash, and the hash of its vocabulary at a level."""

    corpus: str
    sha256: str
    vocabulary_sha256: str


@lru_cache(maxsize=64)
def identify(
    reference: str, level: str, vocabulary: int | None, window: int, validation: float, test: float
) -> Identity:
    """Return the identity of a corpus.

    Raise ValueError, in one line, if there is no such corpus, if it has no symbols at this level, or if one of its
    splits is shorter than a window.
    """
    corpus = load(reference)
    tokens = tokens_of(corpus, level, vocabulary, fractions_of(validation, test))
    for split in SPLITS:
        tokens.windows(split, window)
    place = STDLIB if reference == STDLIB else str(Path(os.path.expanduser(reference)).resolve())
    return Identity(place, corpus.sha256, tokens.vocabulary.sha256)


@lru_cache(maxsize=4)
def known_text(
    reference: str,
    sha256: str | None,
    level: str,
    vocabulary: int | None,
    vocabulary_sha256: str | None,
    *held_out: float,
) -> KnownText:
    """Return a corpus as symbols, loaded once for all runs of a process. held_out: shares of validation and test.

    Raise ValueError if the corpus, or its stored vocabulary, has changed since the run was registered.
    """
    corpus = load(reference)
    if sha256 is not None and corpus.sha256 != sha256:
        raise ValueError(
            f"corpus {reference} is another than the run's: sha256 {corpus.sha256[:12]}..., not {sha256[:12]}..."
        )
    tokens = tokens_of(corpus, level, vocabulary, fractions_of(*held_out))
    if vocabulary_sha256 not in (None, tokens.vocabulary.sha256):
        raise ValueError(
            f"the vocabulary of corpus {reference} is another than the run's: sha256 "
            f"{tokens.vocabulary.sha256[:12]}..., not {vocabulary_sha256[:12]}..."
        )
    return KnownText(tokens.vocabulary, tokens.ids)
