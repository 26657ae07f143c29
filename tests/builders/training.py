"""A training so small that it runs in a test."""

from neurostore.ingest.refine.training import train as training

TINY = training.TrainConfig(
    steps=8, batch_size=4, warm_up=2, validate_every=4, validation_batches=1, workers=0, learning_rate=1e-3,
    model={"n_frames": 9, "spatial_width": 8, "spatial_heads": 2, "width": 16, "layers": 1, "heads": 2, "dropout": 0.1},
    losses=dict.fromkeys(training.LOSSES, 0.1),
)  # fmt: skip
