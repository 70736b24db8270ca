"""Whose score the headline is: of later rows, of other groups, or of random ones where roles were overruled."""

from __future__ import annotations

from .material import Material


def whose(m: Material) -> str:
    """The label of the headline; where the user's word overruled a role, what the score is not of."""
    if m.roles.parted == "random":
        mixed = [said for role, said in (("order", "time"), ("group", "groups")) if m.roles.named(role)]
        return f"random rows, {' and '.join(mixed)} ignored" if mixed else "rows held out"
    if m.look is not None:
        return f"the locked test, look {m.look.number}"
    return {
        "column": f"rows that {m.roles.split.column if m.roles.split else ''} holds back",
        "time": "later rows",
        "group": "rows of other groups",
        "site": "rows of other sites",
    }[m.roles.parted]
