"""Depth refinement: corrects positions from one camera along the camera's rays.

In comes a Recording of a video, out comes a copy with refined positions and the SD of each depth. ``apply`` refines one
recording, ``lake_apply`` trials in a lake; :mod:`.training` makes and judges the checkpoint. Torch is loaded when a model
is, never on import. May import: landmarks, recording, geometry, and what stands below ingest.
"""
