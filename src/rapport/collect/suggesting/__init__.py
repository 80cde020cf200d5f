"""Suggest: from a table's first lines to a mapping that `rapport import` can follow, with the reason for every column.

In come the columns' names and some lines, as `import` would read them; out comes TOML with comments. What always holds:
the suggestion is a mapping that `mapping_toml` accepts; a column is given a type only where every value that was seen
can be read by it; no value is written into the suggestion but one that stands for "no value" or names nobody; what may
name a person is an identifier only where its name or nearly all of its values say so, as a wrong one joins strangers.
"""

from rapport.collect.suggesting.column import SAMPLE_BYTES, SAMPLE_LINES, is_of_values
from rapport.collect.suggesting.plan import plan
from rapport.collect.suggesting.shapes import Plan, Told
from rapport.collect.suggesting.writing import written

__all__ = ["SAMPLE_BYTES", "SAMPLE_LINES", "Plan", "Told", "is_of_values", "plan", "written"]
