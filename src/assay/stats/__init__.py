"""Minimum-effect tests, intervals, multiplicity and conformal sets: pure functions on arrays, each with its paper.

Throughout: ``alpha`` is two-sided (an interval has coverage 1 - alpha), a p-value is one-sided against
H0: effect <= m, and the two agree: p <= alpha / 2 exactly where the lower end of the interval lies above m.
Empty input gives the widest interval and p = 1, never an error. SciPy is imported at use.
"""
