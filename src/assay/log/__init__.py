"""The prediction log on disk: what is in its files, and how they are read. ``serve`` writes it, ``watch`` reads it."""

from .reader import Gap, Log, Part, Truth, read_log

__all__ = ["Gap", "Log", "Part", "Truth", "read_log"]
