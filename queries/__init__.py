"""SQL views, one file each; neurostore.views reads them."""
