"""The classifier, its layers, and reading its weights."""
