"""The fitted body: an OpenSim model scaled to a person and posed so that it fits the points of every frame.

Input: an ``.osim`` model and a trial's landmarks, markers or segment rotations. Output: the scaled model, every
coordinate of every frame and the distances from the targets. May import: landmarks, geometry, recording,
stored_trials, and neurostore.lake and what is below it.
"""
