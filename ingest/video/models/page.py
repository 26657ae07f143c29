"""The page docs/MODEL_ARTIFACTS.md from schemas/models.toml; ``make docs`` writes it."""

from __future__ import annotations

from neurostore.ingest.video.models import declared

_HEAD = """# Pose models

Generated from schemas/models.toml by `make docs`; do not edit.

`neurostore model fetch` downloads a model; `neurostore model fetch --from FILE` takes a file that you downloaded
yourself. Its SHA-256 is compared with the expected one before anything is unpacked. `neurostore model inspect` shows
the contents of a model without running it, and `neurostore model verify` checks the hash of every unpacked file.
Mirrors are tried first, in this order: `--mirror URL`, `$NEUROSTORE_MODEL_MIRRORS`, and `mirrors` in a TOML file of
the same form, given by `--models` or `$NEUROSTORE_MODELS_TOML`. A bearer token for private mirrors is read from
`$NEUROSTORE_MODEL_TOKEN`; it is sent only to mirrors, only over https, and never to the target of a redirect. Models
are stored in `$NEUROSTORE_MODELS`, or in the user's cache folder if that is not set.

MediaPipe 0.10.21 (Python 3.11 and 3.12) needs no download: the full model is part of its wheel. Later releases have no
model, so `pose_landmarker_full` is taken unless `--model` names another: `neurostore model fetch --model NAME`.
"""


def page() -> str:
    """Text of the page, in Markdown."""
    parts = [_HEAD]
    for model in declared.declared().values():
        parts.append(f"\n## {model.name}\n\n{model.meaning}.\n")
        rows = [
            ("estimator", f"`{model.estimator}`"),
            ("file", f"`{model.file}`, about {_size(model.size_about_mb)}"),
            ("SHA-256", f"`{model.sha256}`"),
            *[("address", f"<{url}>") for url in (*model.mirrors, *model.urls)],
            *([("written by", f"TensorFlow {model.producer}")] if model.producer else []),
            *([("runs with", f"TensorFlow {model.tensorflow}")] if model.tensorflow else []),
            ("licence", model.licence),
            ("cite", model.cite),
            ("stored by default", ", ".join(f"`{s}`" for s in model.stored)),
            ("skeletons", ", ".join(f"`{s}`" for s in model.skeletons)),
            *([("ops", f"{len(model.ops)}, all stock")] if model.ops else []),
        ]
        parts.append("\n| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows))
    return "".join(parts)


def _size(mb: float) -> str:
    return f"{mb / 1000:.1f} GB" if mb >= 100 else f"{mb:.1f} MB"
