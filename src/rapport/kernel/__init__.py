"""The kernel: what every area of the house stands on and no area owns.

Errors, time, handles, keys and sealing, the vocabulary of purposes and categories, the meaning of identifiers, and the
ports through which the domain speaks to the world. It imports nothing of Rapport outside itself.
"""
