"""The node's faces: pages and interfaces over HTTP.

In come requests; out go answers that are made of what others decided. Nothing here reads a store, resolves, folds or
permits: each face (`console`, the company's pages; `portal`, a person's own; `api`, the programs' way in) says in a
Protocol of its own what it asks of the rest, and `rapport.app` answers. What the two areas of pages share is here: the
visit, the door, forms, and the frame of a page. What always holds: no page runs or loads anything that did not come
from this node as a file, and everything that came from outside is written as text.
"""
