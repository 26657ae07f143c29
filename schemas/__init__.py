"""Tables, views, skeletons, names of joints and pose models, declared once in TOML.

neurostore.schema and neurostore.skeleton read them. Nothing is imported.
"""
