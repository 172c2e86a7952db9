"""Generated images for detection with few boxes: detector, generator and discriminators, pasting, measures."""
