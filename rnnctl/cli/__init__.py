"""The command line: arguments, composition, rendering. The only place that prints or exits.

Modules that take time to load (torch, matplotlib, sqlite-utils, pydantic) are imported inside commands, so that
`rnnctl --help` loads none of them.
"""
