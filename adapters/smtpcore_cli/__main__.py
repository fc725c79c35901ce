"""``python -m smtpcore_cli`` is the command ``smtpcore``."""

from __future__ import annotations

import sys

from .command import main

if __name__ == "__main__":
    sys.exit(main())
