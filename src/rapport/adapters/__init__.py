"""Adapters: the world outside, behind the ports of the kernel. One package per deployment: `embedded` is SQLite in a
data directory."""
