"""Suggest: from a table's first lines to a mapping that `rapport import` can follow, with the reason for every column.

In come the columns' names and some lines, as `import` would read them; out comes TOML with comments. What always holds:
the suggestion is a mapping that `mapping_toml` accepts; a column is given a type only where every value that was seen can
be read by it; nothing but a column's own values and its name is looked at, and no value is written into the suggestion
but one that stands for "no value"; what may name a person is an identifier only where its name and its values both say
so, since a wrong one would join strangers.
"""

from rapport.collect.suggesting.column import SAMPLE_BYTES, SAMPLE_LINES, Column, columns_of, file_format
from rapport.collect.suggesting.plan import Plan, Told, plan
from rapport.collect.suggesting.writing import written

__all__ = ["SAMPLE_BYTES", "SAMPLE_LINES", "Column", "Plan", "Told", "columns_of", "file_format", "plan", "written"]
