"""Dear things that several challenges share and that are made once a report, one file each."""
