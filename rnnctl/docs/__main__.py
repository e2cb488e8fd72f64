"""`python -m rnnctl.docs`: rewrite the generated parts of the reference."""

from __future__ import annotations

import argparse
import sys

from rnnctl.docs.blocks import block
from rnnctl.docs.pages import FOLDER, pages, rewritten


def main() -> int:
    """Rewrite the pages, or only compare them, and return the exit status: 1 if --check finds a page out of date."""
    parser = argparse.ArgumentParser(prog="python -m rnnctl.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="Change nothing; exit with 1 if a page is out of date.")
    check = parser.parse_args().check
    stale = 0
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = rewritten(before, block)
        if after == before:
            continue
        stale += 1
        if not check:
            page.write_text(after, encoding="utf-8")
        print(f"{page.relative_to(FOLDER.parent.parent)}: {'out of date' if check else 'rewritten'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
