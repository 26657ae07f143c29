"""Rotations and forward kinematics over arrays, compiled by numba.

In come arrays of quaternions, matrices, angles and offsets, out come arrays.
May import: neurostore's arrays and compiled.
"""
