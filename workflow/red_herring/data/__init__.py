"""From images on disk to arrays in memory: sources, prepared images, masks, controlled splits."""
