"""Small languages whose probabilities are known exactly: what can be predicted of their text, and what cannot.

alphabet.py    the symbols: a to z and the space       grammar.py    categories, templates, sentences
lexicons.py    the grammars that studies can name      automaton.py  the states of a stream of sentences
beliefs.py     what is known of the state after a text process.py    the stream: exact predictions and entropies
"""
