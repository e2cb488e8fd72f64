"""Who does what, and when: workers that claim, train, save and finish runs, and the pool that keeps workers going.

Knows nothing of networks: what trains a run is handed in, an `execute` that takes a Session.

    worker      Worker(ledger, execute, settings, ...): run(), run_once(now)
    session     Session, what `execute` sees: claims, draining, held, progress, resume, commit, emit; OutOfMemory,
                NeverFits, PackFailed
    ledger      Ledger, a protocol: all that workers say to the store; store_ledger: StoreLedger(workspace)
    pool        Pool(launcher, ledger, workers, on_event, settings, event_log): run(), run_once(now); signals_to(pool)
    launcher    Launcher, a protocol: starts workers somewhere; LocalLauncher(command, env, logs)
    child       serve(build): the main function of a worker process; abandon
    config      Settings: times and limits
    events      what workers and pools report, and how that is written as JSON lines
    heartbeat   the thread that keeps leases; holds: what it shares with the update loop; rescue: dead workers' runs
    identity    which process a worker is, and whether it lives

`store.queue` documents the states of a job, `jobs.worker` the policy that moves it between them.
"""
