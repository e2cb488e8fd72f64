"""Text to predict: from a reference (a file, a folder, the word `stdlib`) to symbols, splits, windows and floors.

corpus.py       the bytes, and their hash             splits.py   where the splits are cut; windows and streams
vocabulary.py   levels bytes and chars                bpe.py      level bpe: trained once, kept in a folder
tokens.py       a corpus as symbols, split by split   floors.py   what n-grams reach without a network
"""
