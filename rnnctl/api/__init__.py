"""rnnctl from Python, for notebooks and programs: what `import rnnctl` names.

workspace.py   Workspace: a folder with studies, the same that the commands use
study.py       Study: its runs, training, leaderboards, figures
run.py         Run: its history, figures, answers, weights, network
training.py    train: one run in this process, without a workspace
module.py      Network: a trained network as a torch.nn.Module
past.py        History and Traces: what checks have left, as arrays
rows.py        Rows: tables as lists of mappings, shown as HTML in a notebook
notebook.py    figures and bars of progress in a notebook
border.py      errors of the rooms below as the exceptions that rnnctl names, notes as warnings

Each method calls one use-case of rnnctl.lab, as a command does, and returns what that returns: it never prints or asks.
"""
