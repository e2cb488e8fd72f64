"""What people say about runs and studies: tags, notes, and which studies are put into the archive."""

from __future__ import annotations

from collections.abc import Iterable

from store.connection import Store


def tag(store: Store, run_ids: Iterable[str], name: str, now: float) -> int:
    """Give runs a tag; return how many did not have it."""
    with store.transaction():
        return store.execute_many(
            "INSERT INTO tags (run_id, tag, at) VALUES (?, ?, ?) ON CONFLICT (run_id, tag) DO NOTHING",
            [(run_id, name, now) for run_id in run_ids],
        )


def untag(store: Store, run_ids: Iterable[str], name: str) -> int:
    """Take a tag from runs; return how many had it."""
    with store.transaction():
        return store.execute_many(
            "DELETE FROM tags WHERE run_id = ? AND tag = ?", [(run_id, name) for run_id in run_ids]
        )


def tags(store: Store) -> list[str]:
    """Return all tags that runs have, in alphabetical order."""
    return [row["tag"] for row in store.rows("SELECT DISTINCT tag FROM tags ORDER BY tag")]


def note_run(store: Store, run_id: str, text: str, now: float) -> None:
    """Write the note on a run, in the place of an earlier one; an empty text removes it."""
    with store.transaction():
        if text:
            store.execute(
                """INSERT INTO run_notes (run_id, text, at) VALUES (?, ?, ?)
                   ON CONFLICT (run_id) DO UPDATE SET text = excluded.text, at = excluded.at""",
                (run_id, text, now),
            )
        else:
            store.execute("DELETE FROM run_notes WHERE run_id = ?", (run_id,))


def note_study(store: Store, study: str, text: str, now: float) -> None:
    """Write the note on a study, in the place of an earlier one; an empty text removes it."""
    with store.transaction():
        if text:
            store.execute(
                """INSERT INTO study_notes (study, text, at) SELECT id, ?, ? FROM studies WHERE name = ?
                   ON CONFLICT (study) DO UPDATE SET text = excluded.text, at = excluded.at""",
                (text, now, study),
            )
        else:
            store.execute("DELETE FROM study_notes WHERE study = (SELECT id FROM studies WHERE name = ?)", (study,))


def archive(store: Store, study: str, now: float) -> bool:
    """Put a study into the archive; return whether it was not there. Runs that are being trained are not stopped."""
    with store.transaction():
        return bool(
            store.execute(
                """INSERT INTO archived (study, at) SELECT id, ? FROM studies WHERE name = ?
                   ON CONFLICT (study) DO NOTHING""",
                (now, study),
            )
        )


def unarchive(store: Store, study: str) -> bool:
    """Take a study out of the archive; return whether it was there."""
    with store.transaction():
        return bool(
            store.execute("DELETE FROM archived WHERE study = (SELECT id FROM studies WHERE name = ?)", (study,))
        )
