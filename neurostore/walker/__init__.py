"""A simulated walker whose gait is exactly known: gait patterns, bodies, walks, BVH files.

Input: a pattern and a body. Output: joint positions and rotations with their true events and parameters.
May import: arrays.
"""
