"""One module per figure, each with `draw(files, study)`; what they share is in `style`."""
