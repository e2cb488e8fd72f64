"""Who does what, and when: workers that claim, keep, save and finish runs, and the pool that keeps workers going.

Knows nothing of networks: what a run is executed by is handed in, a callable that takes a Session.

    worker      Worker(workspace, execute, settings, ...): run(), run_once(now)
    session     Session, what `execute` sees: claims, draining, held, progress, resume, commit, emit
    pool        Pool(command, workers, env, on_event, settings, logs).run() -> PoolEnd; signals_to(pool)
    child       serve(build): the main function of a pool's child process; abandon
    config      Settings: times and limits
    events      what workers and pools say of themselves, and how that looks as JSON lines
    heartbeat   the thread that keeps leases; holds: what it shares with the update loop; rescue: dead workers' runs
    identity    which process a worker is, and whether it lives

`store.queue` documents the states of a job, `jobs.worker` the policy that moves it between them.
"""
