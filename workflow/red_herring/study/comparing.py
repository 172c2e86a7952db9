"""The keys that every analysis has in the configuration which compares maps (NEEDS `similarities`), beside its own."""

from __future__ import annotations

from typing import Any

from red_herring.study.catalogue import analysis_card
from red_herring.study.names import SIMILARITIES

COMPARING: dict[str, Any] = {
    "images": {
        "type": "integer",
        "minimum": 3,
        "default": 200,
        "description": "test images, positive and negative, at most",
    },
    "similarities": {
        "type": "array",
        "items": {"enum": list(SIMILARITIES)},
        "minItems": 1,
        "uniqueItems": True,
        "default": ["spearman", "spearman_abs", "ssim", "hog"],
        "description": "of two maps",
    },
}
"""JSON schemas, each with its default. Of fewer than three images there is no interval."""


def keys_of(analysis: str) -> dict[str, Any]:
    """The JSON schemas of all keys of an analysis."""
    card = analysis_card(analysis)
    return (COMPARING if "similarities" in card.needs else {}) | card.settings
