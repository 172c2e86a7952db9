"""One module per table, each with `tabulate(study, settings)`; what they share is in `_rows` and `_scores`."""
