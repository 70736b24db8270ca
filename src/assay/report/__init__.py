"""One file per format. Everything but ``document`` reads the JSON form only, so a stored report can be shown again."""
