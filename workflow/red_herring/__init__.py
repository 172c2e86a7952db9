"""The study behind the workflow: controlled shifts, mask-guided training, saliency and its localisation.

Imports run downwards only:
stages -> results, saliency, tuning -> training -> data, methods -> model, study, catalogue, provenance, files.
"""
