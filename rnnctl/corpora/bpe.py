"""Level `bpe`: byte pair encoding (Gage 1994; Sennrich, Haddow and Birch 2016) of bytes, trained by `tokenizers`.

The text is split into pieces: a word, a number or a run of other characters, each with one preceding space if there is
one, or a run of white space. A piece has at most 64 bytes, which bounds the time to encode it. The first 256 symbols
are the bytes. The most frequent pair of adjacent symbols within pieces becomes a new symbol, repeatedly, until the
vocabulary has the requested size; pairs that occur only once are not merged. Every text can be encoded.

The library gets bytes as the characters with the same numbers (Latin-1), so its characters are our bytes. A byte of
128 or more counts as a letter, so that a UTF-8 character is only split between pieces at the limit of 64 bytes.

A vocabulary is trained once and cached in the folder $RNNCTL_CACHE, else $XDG_CACHE_HOME/rnnctl, else ~/.cache/rnnctl.
Its file name consists of a hash of the text and of the rule for pieces, the requested size, and the sha256 of the file.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from rnnctl.cache_folder import cache_folder
from rnnctl.corpora.vocabulary import BLOCK, MOST_SYMBOLS, IdType, as_bytes, id_dtype
from store.errors import StoreError
from store.files import write_whole

LEAST_PAIRS = 2  # occurrences of a pair that becomes a symbol
REMEMBERED = 1 << 20  # greatest number of pieces whose symbols are cached in memory
# Every byte is of one of these four kinds, and a piece does not depend on the bytes after its end.
PIECE = re.compile(rb" ?[A-Za-z_\x80-\xff]{1,63}| ?[0-9]{1,63}| ?[^\sA-Za-z_0-9\x80-\xff]{1,63}|\s{1,64}")
BATCH = 10_000  # pieces processed at a time: joining takes 80 bytes of memory per piece
SEPARATOR = "\u0100"  # a character that does not stand for a byte

Merges = list[tuple[int, int]]


class BytePairs:
    """A vocabulary of byte pairs: symbols 0 to 255 are the bytes; a merge (left, right) adds their concatenation.

    content: the content of a vocabulary file. Raises ValueError if the library is missing.
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
        """Return the symbols of a text, (N,) uint16, read-only."""
        encoded = (b"".join(map(self._pieces.__getitem__, batch)) for batch in _batches(pieces(as_bytes(text))))
        return np.frombuffer(b"".join(encoded), self._pieces.dtype)

    def decode(self, ids: np.ndarray) -> bytes:
        """Return the text of symbols (N,)."""
        return b"".join([self.texts[i] for i in np.asarray(ids).tolist()])


class _Pieces(dict[bytes, bytes]):
    """Cache of the ids of each piece, as the bytes of an array: a text repeats a small number of pieces.

    model: the `tokenizers.models.BPE` that encodes a piece.
    """

    def __init__(self, model: Any, dtype: type[IdType]) -> None:
        self.model, self.dtype = model, dtype

    def __missing__(self, piece: bytes) -> bytes:
        if len(self) >= REMEMBERED:
            self.clear()
        ids = [token.id for token in self.model.tokenize(piece.decode("latin-1"))]
        self[piece] = encoded = np.array(ids, self.dtype).tobytes()
        return encoded


def pieces(text: bytes) -> Iterator[bytes]:
    """Yield the pieces of a text, in order; joined they are the text."""
    rest = b""
    for start in range(0, len(text), BLOCK):
        *complete, rest = PIECE.findall(rest + text[start : start + BLOCK])  # the last piece may continue
        yield from complete
    if rest:
        yield rest


def _batches(all_pieces: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(itertools.islice(all_pieces, BATCH)):
        yield batch


def trained(text: bytes, symbols: int) -> BytePairs:
    """Return the vocabulary of a text with `symbols` symbols, from the cache or trained and then cached.

    Several processes may do this at the same time: they write the same file. If a cached file is damaged, the
    vocabulary is trained again.

    Raises ValueError, with a message of one line, if `symbols` is not 257 to 65,536 or more than the text yields, if
    the library is missing, if the folder cannot be used, or if the vocabulary trained instead of a damaged file is
    different.
    """
    if not 256 < symbols <= MOST_SYMBOLS:
        raise ValueError(f"level bpe: a vocabulary has 257 to {MOST_SYMBOLS:,} symbols, not {symbols:,}")
    folder = _folder()
    begin = f"bpe-{hashlib.sha256(PIECE.pattern + text).hexdigest()[:32]}-{symbols}-"
    try:
        cached = sorted(folder.glob(f"{begin}{'[0-9a-f]' * 64}.json"))
        for path in cached:
            sound = _sound(path)
            if sound is not None:
                return BytePairs(sound)
        content = _content(_train(text, symbols))
        path = folder / f"{begin}{_sha256(content)}.json"
        if cached and path not in cached:
            raise ValueError(
                f"{cached[0]}: damaged, and tokenizers {_library().__version__} trains a different vocabulary; "
                "remove the file to use that one for new runs"
            )
        write_whole(path, lambda file: file.write(content))
    except OSError as error:
        # Name the folder, not the file: nobody chose the file's name.
        raise _unusable(folder, error.strerror or error) from error
    except StoreError as error:
        raise _unusable(folder, error.reason or error) from error
    return BytePairs(content)


def _train(text: bytes, symbols: int) -> Merges:
    """Train the merges. The result does not depend on threads: equally frequent pairs are merged in order of ids."""
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.Split(SEPARATOR, "removed")
    trainer = library.trainers.BpeTrainer(
        vocab_size=symbols,
        min_frequency=LEAST_PAIRS,
        initial_alphabet=[chr(byte) for byte in range(256)],
        show_progress=False,
    )
    joined = (SEPARATOR.join(piece.decode("latin-1") for piece in batch) for batch in _batches(pieces(text)))
    tokenizer.train_from_iterator(joined, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    ids: dict[str, int] = model["vocab"]
    if len(ids) < symbols:
        raise ValueError(
            f"the training split ({len(text):,} bytes) yields a bpe vocabulary of only {len(ids):,} symbols, "
            f"not {symbols:,}"
        )
    merges = [(ids[left], ids[right]) for left, right in model["merges"]]
    assert [name.encode("latin-1") for name in sorted(ids, key=ids.__getitem__)] == _texts(merges)
    return merges


def _texts(merges: Merges) -> list[bytes]:
    """Return the bytes of each symbol. Merges with the same bytes are one symbol."""
    texts = [bytes([byte]) for byte in range(256)]
    known = set(texts)
    for left, right in merges:
        text = texts[left] + texts[right]
        if text not in known:
            known.add(text)
            texts.append(text)
    return texts


def _content(merges: Merges) -> bytes:
    """Return the content of a vocabulary's file, which is also hashed: equal vocabularies have equal files."""
    value = {"level": "bpe", "merges": merges, "pieces": PIECE.pattern.decode("latin-1")}
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _folder() -> Path:
    try:
        return cache_folder()
    except OSError as error:
        raise _unusable(Path(error.filename), error.strerror) from error


def _unusable(folder: Path, reason: object) -> ValueError:
    return ValueError(
        f"level bpe caches vocabularies in {folder}, which cannot be used: {reason}; set RNNCTL_CACHE to another folder"
    )


def _sound(path: Path) -> bytes | None:
    """Return the content of a file, or None if it does not have the hash in the file's name."""
    content = path.read_bytes()
    return content if path.stem.endswith(f"-{_sha256(content)}") else None


def _library() -> ModuleType:
    try:
        import tokenizers
    except ImportError:
        raise ValueError("level bpe needs the package tokenizers: pip install 'rnnctl[bpe]'") from None
    return tokenizers
