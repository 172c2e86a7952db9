"""ROI masks: which pixels of an image lie inside the region of interest."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def ellipse(size: int, semi_axis: float) -> np.ndarray:
    """A filled circle centred on the image, bool [size, size], radius `semi_axis` * size.

    The released code uses size / 2.5, that is 0.4: half of the image (pi * 0.4^2 = 0.503).
    """
    offsets = np.arange(size) - (size - 1) / 2
    return offsets[:, None] ** 2 + offsets[None, :] ** 2 <= (semi_axis * size) ** 2


def dilate(masks: np.ndarray, sigma: float) -> np.ndarray:
    """Blur masks, 0/1 [n, height, width], with a Gaussian of `sigma` pixels; all above 0 is inside. Paper, section 4.

    The kernel ends at 4 sigma, so a mask grows by int(4 sigma + 0.5) pixels along rows and columns; sigma 0 changes
    nothing.
    """
    if sigma == 0:
        return masks.astype(bool)
    dilated = np.empty(masks.shape, bool)
    for mask, out in zip(masks, dilated, strict=True):  # one by one: as floats all of them might not fit into memory
        out[:] = ndimage.gaussian_filter(mask.astype(np.float64), sigma, mode="constant") > 0
    return dilated
