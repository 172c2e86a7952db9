"""Measures of localisation and similarity by name, and what the paper's tables show, apart from what computes them.

The workflow, the tables and the figures need the names without PyTorch, and training must not depend on them.
"""

from __future__ import annotations

MEASURES = {
    "iou": "IoU",
    "iop": "IoP",
    "iot": "IoT",
    "pointing": "Pointing game",
    "mass": "Relevance mass",
    "auc": "Pixel AUC",
    "ap": "Pixel AP",
}
"""Name -> title of each score in saliency/localisation.py."""

ARMS = {
    "average_mask": "Average mask",
    "untrained": "Untrained network",
}
"""What each score of a map stands beside, with chance: what the mean training mask and the same attribution of the
network before its training score. Prefix of the columns of localisation.csv -> title."""

PREFIXES = ("", "chance_", "corrected_", *(f"{arm}_" for arm in ARMS))
"""Of the columns that each measure has."""

OVERLAPS = ("iou", "iop", "iot")
"""The measures that the authors computed."""

PAPER_ATTRIBUTIONS = ("gradient", "integrated_gradients", "occlusion")
"""The attributions that the paper's tables show."""

BASELINE = "classification"
"""The method that all others are compared with."""

SIMILARITIES = {
    "spearman": "Spearman",
    "spearman_abs": "Spearman, absolute",
    "spearman_nonzero": "Spearman, image not 0",
    "spearman_abs_nonzero": "Spearman, absolute, image not 0",
    "ssim": "SSIM",
    "ssim_s2": "SSIM, signed",
    "hog": "HOG",
    "hog_s2": "HOG, ranks",
}
"""Name -> title of each measure in saliency/similarity.py."""

SIGNALS = {
    "tag": "Tag",
    "stripe": "Stripe",
    "blur": "Blur",
    "half_blur": "Blur of one half",
}
"""Name -> title of each kind of signal that data/signals.py plants."""

FAMILIES = {
    "signal_detection": "Attribution",
    "concepts": "Concepts",
    "influence": "Training points",
}
"""Analysis -> title of the family of explanations that it asks for a planted signal."""

TOLD_APART = "told_apart.csv"
"""What the models are told apart by, of a study with any of these analyses."""

ARM_IN_WORDS = {
    "cascading": "from the output down",
    "independent": "one block at a time",
    "kept": "running statistics kept",
    "reset": "running statistics reset",
    "fixed": "positive class explained",
    "argmax": "class that the randomised network prefers explained",
}
"""How weights are randomised in analyses/weight_randomisation.py: value of order, statistics or target -> its words."""
