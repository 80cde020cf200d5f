"""Act: what leaves the node for other systems: messages to sources, demands to recipients; later also channels.

In comes what another area decided to tell somebody, and where: a *delivery*. Out goes one HTTP request at a time to
each destination, until it is answered or given up. What always holds: a delivery is in the ledger as soon as what
caused it is, and survives whatever happens to the node; it reaches its destination at least once, and carries the same
id each time; a destination that is slow, wrong or gone delays no other; none leads to the inside of a network unless a
setting says so; and what it says is sealed at rest and dropped once it was delivered.
"""

from rapport.act.delivery import Answer, Delivery, wait_of
from rapport.act.destinations import address_problem, destination

__all__ = ["Answer", "Delivery", "address_problem", "destination", "wait_of"]
