"""Training and evaluation of the depth refinement.

Input: motions of captures and lakes. Output: a checkpoint and tables of its accuracy.
May import: refine and what stands below it.
"""
