"""`python -m rnnctl`: the command line, for processes that must not depend on what is on PATH."""

from rnnctl.cli.app import main

if __name__ == "__main__":
    main()
