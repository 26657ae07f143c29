"""A made-up walker whose gait is exactly known: gait patterns, bodies, walks, BVH files.

In come a pattern and a body, out come joint positions and rotations with their true events and parameters.
May import: arrays.
"""
