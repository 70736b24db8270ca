"""Bytes in, bytes out: one .assay file, or a name of the registry, behind HTTP."""
