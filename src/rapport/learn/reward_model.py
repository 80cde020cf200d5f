"""What each candidate would have given, predicted by a linear model of which no decision helps to predict itself.

Cross-fitted: customers fall into five parts, and each part is predicted by a model of the other four (Chernozhukov et
al., Double/Debiased Machine Learning, 2018). The model has one line for all actions and, for each action, how it
differs from that; both are ridge regressions, so an action that was hardly ever tried is predicted like the others. A
poor model costs a doubly robust estimator width, never truth.
"""

import numpy as np

from rapport.learn.intervals import Floats
from rapport.learn.table import FOLDS, Table

_COMMON = 1.0
_OWN = 10.0
"""How many decisions' worth of doubt is put on a slope: of all actions, and of one action's own."""


def predicted(over: Table, given: Floats) -> Floats:
    """What each flat candidate would have given, by a model of other customers' decisions."""
    lines = np.hstack([np.ones((over.number, 1)), over.context])
    done = over.done
    found = np.zeros(len(over.row))
    for fold in range(FOLDS):
        others = over.fold != fold
        common, own = _fitted(lines[others], done[others], given[others], len(over.actions))
        wanted = over.fold[over.row] == fold
        rows, what = over.row[wanted], over.what[wanted]
        found[wanted] = lines[rows] @ common + np.einsum("ij,ij->i", lines[rows], own[what])
    return found


def _fitted(
    lines: Floats, done: "np.ndarray[tuple[int], np.dtype[np.intp]]", given: Floats, actions: int
) -> tuple[Floats, Floats]:
    """The line of all, and of each action how it differs."""
    if not len(lines):
        return np.zeros(lines.shape[1]), np.zeros((actions, lines.shape[1]))
    mean = float(given.mean())  # without doubt: what is always the same is predicted so
    common = _ridge(lines, given - mean, _COMMON)
    common[0] += mean
    left = given - lines @ common
    own = np.zeros((actions, lines.shape[1]))
    for action in np.unique(done):
        of = done == action
        own[action] = _ridge(lines[of], left[of], _OWN)
    return common, own


def _ridge(lines: Floats, given: Floats, doubt: float) -> Floats:
    return np.asarray(np.linalg.solve(lines.T @ lines + doubt * np.eye(lines.shape[1]), lines.T @ given), float)
