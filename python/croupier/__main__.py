"""The command line: ``croupier``, or ``python -m croupier``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from croupier import _quality_command, info
from croupier._core import __version__

__all__ = ["main"]

# What arguments and tables can be at fault for.
_ERRORS = (
    ImportError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    TypeError,
    ValueError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; those of the process where none are given.

    Returns:
        0; 1 if the command fails; 2, from argparse, for wrong arguments.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, `head` perhaps, has seen enough; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except _ERRORS as error:
        print(f"croupier: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="croupier", description="Deals the rows of Lance tables to model trainers."
    )
    parser.add_argument("--version", action="version", version=f"croupier {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    info.add_parser(commands)
    _quality_command.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
