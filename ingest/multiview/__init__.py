"""Several calibrated cameras of one trial: their calibration, their views of the person, and the points triangulated from them.

Input: the videos of one trial and the file of their calibration. Output: a Recording whose positions are measured in
the frame of the calibration. May import: recording, video, landmarks, and neurostore's arrays, compiled, errors,
skeleton and wording.
"""
