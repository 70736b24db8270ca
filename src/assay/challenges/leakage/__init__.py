"""Challenges of this family."""
