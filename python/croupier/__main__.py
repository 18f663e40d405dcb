"""``python -m croupier``: the command line."""

import sys

from croupier.info import main

if __name__ == "__main__":
    sys.exit(main())
