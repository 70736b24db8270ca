"""Proof by planting: every fault of the catalogue is put into real tables at graded doses, and looked for.

``bases`` are the tables, ``ground`` gives a table what a challenge needs, ``unit`` is one trial, ``mending`` tries the
remedy, ``state`` keeps what is done, ``work`` runs the units, ``summary`` counts, ``page``, ``words`` and ``picture``
say it.
"""

from .bases import Place, folder_places, packaged_places, place_of
from .plan import Setup, Unit, plan
from .summary import summary
from .work import work

__all__ = ["Place", "Setup", "Unit", "folder_places", "packaged_places", "place_of", "plan", "summary", "work"]
