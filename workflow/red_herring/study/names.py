"""The attributions and the measures of localisation by name, apart from the code that computes them.

The workflow, the tables and the figures need the names without PyTorch, and training must not depend on them.
"""

from __future__ import annotations

CONTROLS = {"random": "Random", "centre_prior": "Centre prior", "edges": "Edges"}
"""Maps that know nothing of the model: what an attribution has to beat."""

ATTRIBUTIONS = {
    "gradient": "Gradient",
    "integrated_gradients": "Integrated gradients",
    "occlusion": "Occlusion",
    "smoothgrad": "SmoothGrad",
    "gradient_x_input": "Gradient × input",
    "guided_backprop": "Guided Backprop",
    "grad_cam": "Grad-CAM",
    "guided_grad_cam": "Guided Grad-CAM",
    **CONTROLS,
}
"""Name -> title of each function in saliency/attribution.py."""

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

OVERLAPS = ("iou", "iop", "iot")
"""The measures that the authors computed."""

PAPER_TABLES = {"table_synthetic": ("synthetic",), "table_1": ("spc", "no_spc"), "table_2": ("vpc", "no_vpc")}
"""Table of the paper's form -> its tasks."""
