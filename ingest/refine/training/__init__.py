"""How the depth refinement is trained and judged.

In come motions of captures and lakes, out come a checkpoint and tables of its accuracy.
May import: refine and what stands below it.
"""
