"""The tests, one directory per area of `rapport`; shared strategies are imported from here as `tests.…`."""
