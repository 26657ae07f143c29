"""Tables and skeletons, declared once in TOML; neurostore.schema and neurostore.skeleton read them."""
