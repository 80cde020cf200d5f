"""Files of other systems, read line by line in bounded memory: CSV, NDJSON, JSON, Parquet.

In come paths and the columns a mapping names; out come (place, values) of each line, or why a line cannot be read. What
always holds: reading twice gives the same; every line is told of, sound or not; a file that cannot be used at all
raises BadInput, naming the file and what is wrong with it, if possible before its first line was handed out.
"""

from rapport.adapters.files.checkpoint import Checkpoint, Progress
from rapport.adapters.files.peeking import Peeked, open_peeked, peek
from rapport.adapters.files.spill import SealedSpill
from rapport.adapters.files.table import Files, open_files

__all__ = ["Checkpoint", "Files", "Peeked", "Progress", "SealedSpill", "open_files", "open_peeked", "peek"]
