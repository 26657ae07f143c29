"""How the depth refinement is trained and judged.

Input: motions of captures and lakes. Output: a checkpoint and tables of its accuracy.
May import: refine and what stands below it.
"""
