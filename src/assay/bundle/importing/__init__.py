"""Models that were fitted elsewhere, taken over through our own writer."""
