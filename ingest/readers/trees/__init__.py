"""Files of joint trees: BVH, and ASF with AMC.

Input: a path. Output: a Recording with positions (mm, Y up) and rotations of every joint.
May import: recording, geometry, the units of readers, and neurostore's compiled, errors, skeleton and wording.
"""
