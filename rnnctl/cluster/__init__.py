"""Training on a Ray cluster: the same workers, queue and database, with the processes on several machines.

The driver is the process of `rnnctl train --ray`. It owns the pool, and runs on the machine that has the workspace.

calls.py      what a worker asks of the ledger, and the answers    service.py    the ledger's side: the only writer
ledger.py     the worker's side: a `jobs.ledger.Ledger`            clock.py      the ledger's clock, seen from elsewhere
trainer.py    a worker inside an actor, and its events             worker.py     what a worker does
actors.py     the two actors, and how they are called              launcher.py   a `jobs.launcher.Launcher`
connect.py    join a cluster, or start one on this machine         resources.py  what the cluster has
options.py    what a training asks of a cluster                    folders.py    temporary folders
head.py       whether the head of the cluster is there
versions.py   which nodes may train                                texts.py      data of runs, once to each node
code.py       code of users, for nodes that do not have it
shared.py     a folder that all nodes reach          address.py    what --ray names
token.py      the token that a cluster asks for

Only actors.py, connect.py, launcher.py, resources.py and versions.py import Ray, and only `train --ray` imports them.
"""
