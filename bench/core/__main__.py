"""The command `python -m bench.core`: the figures of the core alone."""

from __future__ import annotations

import argparse

from bench.core.section import section
from bench.process import cores, pin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.core", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each case (default: 5)")
    pin(cores()[1])
    print(section(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
