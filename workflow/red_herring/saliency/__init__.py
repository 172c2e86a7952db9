"""Where a classifier looks, and how well that agrees with the ROI mask."""
