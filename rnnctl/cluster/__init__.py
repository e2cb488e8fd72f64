"""Training on a Ray cluster: the same workers, queue and database, with the processes on several machines.

The driver is the process of `rnnctl train --ray`. It owns the pool, and runs on the machine that has the workspace.

calls.py      what a worker asks of the ledger, and the answers    service.py    the ledger's side, which writes
ledger.py     the worker's side: a `jobs.ledger.Ledger`            clock.py      the ledger's clock, seen from elsewhere
trainer.py    a worker inside an actor, and its events             worker.py     what a worker does
actors.py     the two actors, and how they are called              launcher.py   a `jobs.launcher.Launcher`
connect.py    join a cluster, or start one on this machine         resources.py  what the cluster has
options.py    what a training asks of a cluster                    folders.py    temporary folders
head.py       whether the head of the cluster is there             address.py    what --ray names
versions.py   which nodes may train                                nodes.py      asks nodes, also those that join
place.py      the host and port in an address                     token.py      the token that a cluster asks for
texts.py      data of runs, once to each node                      code.py       code of users, for other nodes
shared.py     a folder that all nodes reach

Ray is imported by actors.py, launcher.py, nodes.py and resources.py, and elsewhere in functions; only by `train --ray`.
"""
