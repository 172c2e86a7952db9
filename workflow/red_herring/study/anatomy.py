"""What the segmentation network of torchxrayvision finds, under the names that a configuration uses."""

from __future__ import annotations

STRUCTURES = (
    "Left Clavicle", "Right Clavicle", "Left Scapula", "Right Scapula", "Left Lung", "Right Lung",
    "Left Hilus Pulmonis", "Right Hilus Pulmonis", "Heart", "Aorta", "Facies Diaphragmatica", "Mediastinum", "Weasand",
    "Spine",
)  # fmt: skip
"""In the order of its outputs; they may overlap. Facies Diaphragmatica is the diaphragm, Weasand the trachea."""

TERMS = (
    "segmentation network of the authors of ChestX-Det, in torchxrayvision's copy; they name no licence for its "
    "weights that is known here; cite Lian et al. 2021"
)
