"""`python -m rnnctl.docs`: rewrite the generated parts of the reference, and the index of the packaged studies."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rnnctl.docs.blocks import block
from rnnctl.docs.pages import FOLDER, pages, rewritten
from rnnctl.docs.parts import index_of_studies
from rnnctl.study.packaged import INDEX


def main() -> int:
    """Rewrite the pages, or only compare them, and return the exit status: 1 if --check finds a page out of date."""
    parser = argparse.ArgumentParser(prog="python -m rnnctl.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="Change nothing; exit with 1 if a page is out of date.")
    check = parser.parse_args().check
    # The index first: a page has a table of it.
    stale = int(_update(INDEX, index_of_studies(), check))
    for page in pages():
        stale += _update(page, rewritten(page.read_text(encoding="utf-8"), block), check)
    return 1 if check and stale else 0


def _update(path: Path, text: str, check: bool) -> bool:
    """Write a file unless it has the text already, or only say that it is out of date. Return whether it was."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    if not check:
        path.write_text(text, encoding="utf-8")
    print(f"{path.relative_to(FOLDER.parent.parent)}: {'out of date' if check else 'rewritten'}")
    return True


if __name__ == "__main__":
    sys.exit(main())
