"""Text prediction data: from a reference (a file, a folder, the word `stdlib`) to symbols, splits, windows and floors.

corpus.py       the bytes of a corpus and their hash   splits.py   positions of the splits; windows and streams
vocabulary.py   levels bytes and chars                 bpe.py      level bpe: trained once, cached in a folder
tokens.py       a corpus as symbols, split by split    floors.py   losses of n-gram models, without a network
"""
