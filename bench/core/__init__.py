"""The core alone, without sockets: `python -m bench.core`."""
