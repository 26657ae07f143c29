"""A body that fits: an OpenSim model scaled to a person and moved so that it meets the points of every frame.

Input: an ``.osim`` model and a trial's landmarks, markers or segment rotations. Output: the scaled model, every
coordinate of every frame and how far the targets were missed. May import: landmarks, geometry, recording,
stored_trials, and neurostore.lake and what is below it.
"""
