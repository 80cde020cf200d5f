"""Learn: what decisions gave, to both sides, and what would have given more.

In come decisions as they were logged (what could have been done with which chance, and what was) and what became of
them: reports, and events that settle. Out go lessons for the model, each decision once; estimates with intervals; and
verdicts on actions that harm. What always holds: nothing here reads a store, a clock or chance; the order in which a
log comes changes nothing, and neither do copies; no figure goes out without its interval, and where an interval cannot
cover what it claims, "too few" or "cannot be told" goes out in its place.

Names are imported from their modules: who takes an outcome should not wait for NumPy to be loaded.
"""
