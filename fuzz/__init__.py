"""Fuzz targets: ``python -m fuzz.fuzz_server fuzz/corpus/server`` fuzzes until it is stopped; see README.md."""
