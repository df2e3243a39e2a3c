"""Benchmarks: `make bench` prints a table."""
