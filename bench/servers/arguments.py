"""The command line of the servers that are written in Python."""

from __future__ import annotations

import argparse


def parser() -> argparse.ArgumentParser:
    """The arguments that all of them have."""
    made = argparse.ArgumentParser()
    made.add_argument("port", type=int)
    made.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"), help="offer STARTTLS, and AUTH behind it")
    return made
