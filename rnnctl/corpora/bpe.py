"""Level `bpe`: byte pair encoding (Gage 1994; Sennrich, Haddow and Birch 2016) of bytes, trained by `tokenizers`.

The text is cut into pieces: a word, a number or a run of other signs, each with a space before it if there is one, or
white space; of 64 bytes at most, so that no text makes a piece that takes forever. The 256 bytes are the first
symbols. The most frequent pair of neighbours within pieces becomes a new symbol, again and again, until there are as
many as were asked for; a pair that occurs once becomes none. Whatever bytes a text has, its symbols stand for them.

Bytes are handed to the library as the characters of the same numbers (Latin-1), which makes its characters our bytes.
Here a byte from 128 on counts as a letter, so that no UTF-8 character lies in two pieces, but where 64 bytes end.

A vocabulary is trained once and kept, in the folder $RNNCTL_CACHE, else $XDG_CACHE_HOME/rnnctl, else ~/.cache/rnnctl.
The name of its file says of which text it is, by a hash of that and of the rule for pieces, how many symbols were asked
for, and the sha256 of the file.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from rnnctl.corpora.vocabulary import BLOCK, MOST, as_bytes, id_dtype
from store.errors import StoreError
from store.files import write_whole

LEAST_PAIRS = 2  # of neighbours that become a symbol
REMEMBERED = 1 << 20  # pieces whose symbols are remembered at a time
# Every byte is of one of these four kinds, and what a piece is does not depend on what comes after its end.
PIECE = re.compile(rb" ?[A-Za-z_\x80-\xff]{1,63}| ?[0-9]{1,63}| ?[^\sA-Za-z_0-9\x80-\xff]{1,63}|\s{1,64}")
BATCH = 10_000  # pieces that are handed on at a time: joining takes 80 bytes for each
SEPARATOR = "\u0100"  # a character that is no byte's

Merges = list[tuple[int, int]]


class BytePairs:
    """Symbols 0 to 255 are the bytes; a merge (left, right) makes the symbol that stands for what both stand for.

    content: of the file of a vocabulary. Raises ValueError where the library is missing.
    """

    level = "bpe"

    def __init__(self, content: bytes) -> None:
        merges = json.loads(content)["merges"]
        self.texts = _texts(merges)
        self.symbols = len(self.texts)
        self.bytes_per_symbol = np.array([len(text) for text in self.texts], np.int64)
        self.sha256 = _sha256(content)
        names = [text.decode("latin-1") for text in self.texts]
        model = _library().models.BPE(
            {name: i for i, name in enumerate(names)}, [(names[left], names[right]) for left, right in merges]
        )
        self._pieces = _Pieces(model, id_dtype(self.symbols))

    def encode(self, text: bytes | str) -> np.ndarray:
        encoded = (b"".join(map(self._pieces.__getitem__, some)) for some in _batches(pieces(as_bytes(text))))
        return np.frombuffer(b"".join(encoded), self._pieces.dtype)

    def decode(self, ids: np.ndarray) -> bytes:
        return b"".join([self.texts[i] for i in np.asarray(ids).tolist()])


class _Pieces(dict[bytes, bytes]):
    """The ids of each piece, as the bytes of an array: texts have few pieces, many times."""

    def __init__(self, model, dtype: type[np.unsignedinteger]) -> None:
        self.model, self.dtype = model, dtype

    def __missing__(self, piece: bytes) -> bytes:
        if len(self) >= REMEMBERED:
            self.clear()
        ids = [token.id for token in self.model.tokenize(piece.decode("latin-1"))]
        self[piece] = found = np.array(ids, self.dtype).tobytes()
        return found


def pieces(text: bytes) -> Iterator[bytes]:
    """What a text is cut into: together all of it."""
    begun = b""
    for start in range(0, len(text), BLOCK):
        *whole, begun = PIECE.findall(begun + text[start : start + BLOCK])  # the last could go on
        yield from whole
    if begun:
        yield begun


def _batches(all_pieces: Iterator[bytes]) -> Iterator[list[bytes]]:
    """The same pieces, many at a time."""
    while some := list(itertools.islice(all_pieces, BATCH)):
        yield some


def trained(text: bytes, symbols: int) -> BytePairs:
    """The vocabulary of `symbols` symbols of a text: read if it is kept and sound, else trained and kept.

    Two processes at once are no harm: both train, and keep the same. A file that is damaged is trained again.

    Raises ValueError, in one line: symbols is not 257 to 65,536, or more than the text yields; the library is missing;
    the folder cannot be used; what would replace a damaged file is not the same.
    """
    if not 256 < symbols <= MOST:
        raise ValueError(f"level bpe has 257 to {MOST:,} symbols, not {symbols:,}")
    folder = _folder()
    begin = f"bpe-{hashlib.sha256(PIECE.pattern + text).hexdigest()[:32]}-{symbols}-"
    try:
        kept = sorted(folder.glob(f"{begin}{'[0-9a-f]' * 64}.json"))
        for path in kept:
            if (content := _sound(path)) is not None:
                return BytePairs(content)
        content = _content(_train(text, symbols))
        path = folder / f"{begin}{_sha256(content)}.json"
        if kept and path not in kept:
            raise ValueError(
                f"{kept[0]}: damaged, and tokenizers {_library().__version__} trains another vocabulary; "
                "remove the file to take that one, for runs that begin"
            )
        write_whole(path, lambda file: file.write(content))
    except OSError as error:
        # Name the folder, not the file: nobody chose the file's name.
        raise _unusable(folder, error.strerror or error) from error
    except StoreError as error:
        raise _unusable(folder, error.reason or error) from error
    return BytePairs(content)


def _train(text: bytes, symbols: int) -> Merges:
    """Does not depend on the number of threads: pairs that are equally frequent are taken in the order of their ids."""
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.Split(SEPARATOR, "removed")
    trainer = library.trainers.BpeTrainer(
        vocab_size=symbols,
        min_frequency=LEAST_PAIRS,
        initial_alphabet=[chr(byte) for byte in range(256)],
        show_progress=False,
    )
    joined = (SEPARATOR.join(piece.decode("latin-1") for piece in some) for some in _batches(pieces(text)))
    tokenizer.train_from_iterator(joined, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    ids = model["vocab"]
    if len(ids) < symbols:
        raise ValueError(
            f"the training split, of {len(text):,} bytes, yields a bpe vocabulary of {len(ids):,} symbols, "
            f"not {symbols:,}"
        )
    merges = [(ids[left], ids[right]) for left, right in model["merges"]]
    assert [name.encode("latin-1") for name in sorted(ids, key=ids.get)] == _texts(merges)
    return merges


def _texts(merges: Merges) -> list[bytes]:
    """What each symbol stands for. Two merges that stand for the same are one symbol."""
    texts = [bytes([byte]) for byte in range(256)]
    known = set(texts)
    for left, right in merges:
        text = texts[left] + texts[right]
        if text not in known:
            known.add(text)
            texts.append(text)
    return texts


def _content(merges: Merges) -> bytes:
    """A vocabulary as its file has it, and as it is hashed: equal vocabularies have equal files."""
    value = {"level": "bpe", "merges": merges, "pieces": PIECE.pattern.decode("latin-1")}
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _folder() -> Path:
    named = os.environ.get("RNNCTL_CACHE")
    path = Path(named or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "rnnctl")
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise _unusable(path, "there is no such home folder") from error


def _unusable(folder: Path, reason: object) -> ValueError:
    return ValueError(
        f"level bpe keeps vocabularies in {folder}, which cannot be used: {reason}; set RNNCTL_CACHE to another folder"
    )


def _sound(path: Path) -> bytes | None:
    """The file's content, or None if it is not what its name says."""
    content = path.read_bytes()
    return content if path.stem.endswith(f"-{_sha256(content)}") else None


def _library() -> ModuleType:
    try:
        import tokenizers
    except ImportError:
        raise ValueError("level bpe needs the package tokenizers: pip install 'rnnctl[bpe]'") from None
    return tokenizers
