"""Rotations, forward kinematics and rigid bodies over arrays; loops are compiled by numba.

Input: arrays of quaternions, matrices, angles, offsets and points. Output: arrays.
May import: neurostore's arrays and compiled.
"""
