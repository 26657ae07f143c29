"""Rotations, forward kinematics and rigid bodies over arrays; loops are compiled by numba.

In come arrays of quaternions, matrices, angles, offsets and points, out come arrays.
May import: neurostore's arrays and compiled.
"""
