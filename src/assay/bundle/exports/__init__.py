"""The bundle in other people's formats: one file each, a function that gives {path: bytes} and writes nothing."""
