"""Tables: every source as columns, facts and samples; roles, partitions and the replay of recipes."""

from __future__ import annotations

from .opening import open_table
from .partition import make_partition
from .roles import guess_roles

__all__ = ["guess_roles", "make_partition", "open_table"]
