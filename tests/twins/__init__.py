"""Plain Python twins of the views that hold an algorithm: the obviously right version, slow, frame by frame."""
