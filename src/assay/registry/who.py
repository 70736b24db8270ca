"""Who does something, where nobody said: the user of the operating system. A claim, not a proof."""

from __future__ import annotations

import getpass
import os


def words(text: str) -> str:
    """A text on one line, as any storage keeps it: no zero bytes, no halves of characters."""
    return " ".join(text.replace("\x00", " ").encode("utf-8", "replace").decode().split())


def user() -> str:
    """The user's name; by the running process, not by what the environment says."""
    if os.name != "nt":
        import pwd

        try:
            return pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:
            return f"uid {os.geteuid()}"
    return getpass.getuser()
