"""The table of contents: one folder a family, one file a way to fail."""
