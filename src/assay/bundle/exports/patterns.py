"""Text patterns of ``core.patterns`` as tables of states over bytes, for code that has no regular expressions.

The patterns are RE2 and small: literals, classes, groups, alternatives, repetition. Thompson (Communications of the
ACM 11 (1968) 419) makes states of them, the subset construction (Rabin and Scott, IBM Journal 3 (1959) 114) a table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from assay.core.errors import SettingsError

MOST = 4_000  # states of one pattern
_ITEM = re.compile(r"\\x\{([0-9a-f]+)\}|\\(.)|(.)", re.DOTALL)
_BLANKS = {"t": "\t", "r": "\r", "n": "\n", "f": "\f", "v": "\v"}


@dataclass(frozen=True)
class Table:
    """``step[state][kind[byte]]`` is the next state; state 0 is dead, 1 the first; ``accepts`` by state."""

    kind: tuple[int, ...]
    step: tuple[tuple[int, ...], ...]
    accepts: tuple[bool, ...]

    def matches(self, text: str) -> bool:
        """Whether the whole text matches."""
        state = 1
        for byte in text.encode():
            state = self.step[state][self.kind[byte]]
        return self.accepts[state]


@cache
def table_of(pattern: str) -> Table:
    """The table of a pattern (whole match).

    Raises:
        SettingsError: it has more states than an export should carry.
    """
    reader = _Reader(pattern)
    last = reader.alternatives(reader.state())
    if reader.at != len(pattern):
        raise SettingsError(f"the pattern {pattern[:60]!r} of this model cannot be exported")
    sets = {edge[0] for edges in reader.edges for edge in edges}
    kinds: dict[tuple[bool, ...], int] = {}
    ordered = sorted(sets, key=sorted)
    kind = tuple(kinds.setdefault(tuple(byte in s for s in ordered), len(kinds)) for byte in range(256))
    sample = {k: byte for byte, k in reversed(list(enumerate(kind)))}
    start = reader.closure({0})
    known: dict[frozenset[int], int] = {frozenset(): 0, start: 1}
    step: list[list[int]] = [[0] * len(kinds)]
    queue = [start]
    for now in queue:
        row = []
        for k in range(len(kinds)):
            there = reader.closure({to for s in now for on, to in reader.edges[s] if sample[k] in on})
            if there not in known:
                known[there] = len(known)
                queue.append(there)
                if len(known) > MOST:
                    raise SettingsError(f"the pattern {pattern[:60]!r} of this model is too large to be exported")
            row.append(known[there])
        step.append(row)
    accepts = tuple(last in states for states in known)
    return Table(kind, tuple(map(tuple, step)), accepts)


class _Reader:
    """Reads a pattern into states: ``edges[state]`` are (bytes, next), ``free[state]`` the steps that read nothing."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at = pattern, 0
        self.edges: list[list[tuple[frozenset[int], int]]] = []
        self.free: list[list[int]] = []

    def state(self) -> int:
        self.edges.append([])
        self.free.append([])
        return len(self.edges) - 1

    def closure(self, states: set[int]) -> frozenset[int]:
        found, todo = set(states), list(states)
        while todo:
            for to in self.free[todo.pop()]:
                if to not in found:
                    found.add(to)
                    todo.append(to)
        return frozenset(found)

    def alternatives(self, start: int) -> int:
        """From ``start`` on, up to the end of the group; gives the state that all alternatives end in."""
        end = self.state()
        while True:
            self.free[self._sequence(start)].append(end)
            if self.at >= len(self.pattern) or self.pattern[self.at] != "|":
                return end
            self.at += 1

    def _sequence(self, start: int) -> int:
        now = self.state()
        self.free[start].append(now)
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            begin = self.at
            after = self._atom(now)
            least, most = self._count()
            end = self.at
            if (least, most) == (1, 1):
                now = after
                continue
            now = self._again(now, after, begin, least, most)
            self.at = end
        return now

    def _again(self, first: int, after: int, begin: int, least: int, most: int | None) -> int:
        """Repeat the atom that was read between ``first`` and ``after``: it is read anew for every further time."""
        if most is None and least < 2:
            hub = self.state()
            self.free[after].append(first)
            self.free[after].append(hub)
            if least == 0:
                self.free[first].append(hub)
            return hub
        if most is None:
            raise SettingsError(f"the pattern {self.pattern[:60]!r} of this model cannot be exported")
        hub = self.state()
        if least == 0:
            self.free[first].append(hub)
        now = after
        for done in range(1, most):
            if done >= least:
                self.free[now].append(hub)
            fresh = self.state()
            self.free[now].append(fresh)
            self.at = begin
            now = self._atom(fresh)
        self.free[now].append(hub)
        return hub

    def _count(self) -> tuple[int, int | None]:
        mark = self.pattern[self.at : self.at + 1]
        if mark in ("?", "*", "+") and mark:
            self.at += 1
            return {"?": (0, 1), "*": (0, None), "+": (1, None)}[mark]
        if found := re.compile(r"\{(\d+)(?:,(\d+))?\}").match(self.pattern, self.at):
            self.at = found.end()
            return int(found[1]), int(found[2] or found[1])
        return 1, 1

    def _atom(self, start: int) -> int:
        if self.pattern.startswith("(?:", self.at):
            self.at += 3
            end = self.alternatives(start)
            self.at += 1
            return end
        if self.pattern[self.at] == "[":
            return self._class(start)
        end = self.state()
        self._word(start, end, self._char())
        return end

    def _char(self) -> str:
        found = _ITEM.match(self.pattern, self.at)
        assert found is not None
        self.at = found.end()
        if found[1]:
            return chr(int(found[1], 16))
        return _BLANKS.get(found[2], found[2]) if found[2] else found[3]

    def _class(self, start: int) -> int:
        self.at += 1
        other = self.pattern[self.at] == "^"
        self.at += other
        chars: set[str] = set()
        while self.pattern[self.at] != "]":
            one = self._char()
            if self.pattern[self.at] == "-" and self.pattern[self.at + 1] != "]":
                self.at += 1
                chars |= {chr(c) for c in range(ord(one), ord(self._char()) + 1)}
            else:
                chars.add(one)
        self.at += 1
        end = self.state()
        plain = frozenset(ord(c) for c in chars if ord(c) < 128)
        if other:  # the bytes of all other characters, one at a time: such classes are only ever repeated
            self.edges[start].append((frozenset(range(256)) - plain, end))
            return end
        if plain:
            self.edges[start].append((plain, end))
        for char in sorted(c for c in chars if ord(c) > 127):
            self._word(start, end, char)
        return end

    def _word(self, start: int, end: int, char: str) -> None:
        *head, last = char.encode()
        for byte in head:
            after = self.state()
            self.edges[start].append((frozenset([byte]), after))
            start = after
        self.edges[start].append((frozenset([last]), end))
