"""Profile: records, facts and the timeline; the fold of them to a view.

In come events that collect has validated; out come records held together by evidence, and views folded from them at
every read. What always holds: the same set of events gives the same records and views in whatever order it came, and
merging or splitting customers moves no data.
"""

from rapport.profile.assemble import Assembler, Outcome
from rapport.profile.links import Links

__all__ = ["Assembler", "Links", "Outcome"]
