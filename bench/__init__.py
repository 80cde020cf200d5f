"""Every speed and memory claim as a script that prints a ratio against a floor measured in the same run.

In: a number of customers and how long to measure. Out: one row per claim, `make bench` prints them all as one table and
writes `bench/results.json`. One module per claim; `traffic` makes what is sent, `company` the node it is sent to. What
each row means is told in `docs/reference/benchmarks.md`.
"""
