"""Types and Protocols only: what every room passes to the next. Imports numpy and nothing else of weight."""
