"""One file per engine: the few SQL templates that facts are made of."""
