"""SQL views, one file each; neurostore.sql.views reads them."""
