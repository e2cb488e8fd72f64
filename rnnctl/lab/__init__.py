"""The use-cases, one module each, for the command line and for programs.

A function takes an open `Store` or the path of a workspace, and plain arguments. It returns a frozen dataclass, whose
`notes` say in plain text what else the caller should know. It never prints, asks or exits. Bad input raises `LabError`,
and an unusable workspace a `StoreError`; the text of either is one line.
"""
