"""``assay sign``: put a signature into a model, or make the pair of keys for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import InputError, OutputError, SettingsError

from .options import FIT, OUT, Quiet, flag

PASSWORD = "ASSAY_KEY_PASSWORD"  # noqa: S105  the variable's name
PRIVATE, PUBLIC = "assay.key.pem", "assay.pub.pem"
MOST_KEY = 1 << 16


def sign(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="An .assay file, as fit writes it.", show_default=False)
    ] = None,
    key: Annotated[
        Path | None,
        flag(f"Private P-256 key; its password from ${PASSWORD}, or asked for.", FIT, "--key", metavar="PEM"),
    ] = None,
    new_key: Annotated[
        Path | None, flag("Make a pair of keys in this folder instead.", FIT, "--new-key", metavar="DIR")
    ] = None,
    output_file: Annotated[
        Path | None,
        flag("Where the signed model goes.  (default: in place)", OUT, "--output-file", "-o", metavar="FILE"),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Sign a model, so that whoever has the public key can tell that nothing in it was changed."""
    if new_key is not None:
        if model is not None or key is not None:
            raise SettingsError("--new-key only makes a pair of keys; sign a model with it afterwards, by --key")
        return make(new_key, quiet)
    if model is None or key is None:
        raise SettingsError("a model and a key are needed: assay sign MODEL --key key.pem (--new-key DIR makes a pair)")
    from assay.bundle import signing
    from assay.bundle.archive import write_file
    from assay.registry import read_bundle
    from assay.registry.names import looks_like_one

    from .output import note, ready

    if output_file is None and looks_like_one(model) and not Path(model).is_file():
        raise SettingsError(f"{model} is no file that could be signed in place: say where the signed one goes with -o")
    place, unsigned = output_file or Path(model), read_bundle(model)
    ready(place, (".assay",))
    pem = read_key(key)
    if os.name == "posix" and key.stat().st_mode & 0o077:
        note(f"others on this machine can read {key}: chmod 600 {key}", quiet)
    signed = signing.sign(unsigned, pem, password(pem))
    write_file(place, signed)
    note(f"{place} is signed by the key {(signing.signer_of(signed) or '')[:16]}", quiet)
    return 0


def make(folder: Path, quiet: bool) -> int:
    """Write both keys: the private one readable by its owner alone, and never over another."""
    from assay.bundle.signing import new_key

    from .output import note

    word = os.environ.get(PASSWORD, "").encode()
    private, public = new_key(word or None)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, pem, mode in ((PRIVATE, private, 0o600), (PUBLIC, public, 0o644)):
            handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as out:
                out.write(pem)
    except FileExistsError:
        raise OutputError(
            f"{folder / name} is there already, and a key is never overwritten; name another folder"
        ) from None
    except OSError as error:
        raise OutputError(f"{folder} could not take the keys ({error.strerror}); name another folder") from None
    locked = "encrypted" if word else f"not encrypted: set ${PASSWORD} for that"
    note(f"{folder / PRIVATE} is the private key ({locked}), {folder / PUBLIC} the public one", quiet)
    return 0


def read_key(path: Path) -> bytes:
    """
    Raises:
        InputError: no such file, or one much larger than a key.
    """
    try:
        if path.stat().st_size > MOST_KEY:
            raise InputError(f"{path} is too large for a key in PEM")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"the key {path} cannot be read ({error.strerror})") from None


def password(pem: bytes) -> bytes | None:
    """The password of an encrypted key: from the environment, or asked for on a terminal."""
    if b"ENCRYPTED" not in pem:
        return None
    if word := os.environ.get(PASSWORD):
        return word.encode()
    if not sys.stdin.isatty():
        raise SettingsError(f"the private key is encrypted: its password is taken from the variable {PASSWORD}")
    return str(typer.prompt("Password of the key", hide_input=True, err=True)).encode()
