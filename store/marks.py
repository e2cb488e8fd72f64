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
    _note(store, "run_notes", "run_id", "SELECT :of", run_id, text, now)


def note_study(store: Store, study: str, text: str, now: float) -> None:
    """Write the note on a study, in the place of an earlier one; an empty text removes it."""
    _note(store, "study_notes", "study", "SELECT id FROM studies WHERE name = :of", study, text, now)


def _note(store: Store, table: str, key: str, chosen: str, of: str, text: str, now: float) -> None:
    """Write or remove a note. key: the column of what it is on. chosen: a query for its value, from the name `:of`."""
    values = {"of": of, "note": text, "now": now}
    with store.transaction():
        if text:
            store.execute(
                f"""INSERT INTO {table} ({key}, text, at)
                    SELECT chosen.*, :note, :now FROM ({chosen}) AS chosen WHERE true
                    ON CONFLICT ({key}) DO UPDATE SET text = excluded.text, at = excluded.at""",
                values,
            )
        else:
            store.execute(f"DELETE FROM {table} WHERE {key} = ({chosen})", values)


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
