"""docs/MODEL_ARTIFACTS.md from schemas/models.toml: ``python -m neurostore.ingest.video.models.page > FILE``."""

from __future__ import annotations

from neurostore.ingest.video.models import declared

_HEAD = """# Pose models

Made from schemas/models.toml by `python -m neurostore.ingest.video.models.page > docs/MODEL_ARTIFACTS.md`.

A model is fetched by `neurostore model fetch`, or brought by hand with `neurostore model fetch --from FILE`. Its
SHA-256 is compared with the pinned one before anything is unpacked. `neurostore model inspect` shows what it holds
without running it, `neurostore model verify` hashes every unpacked file again. Mirrors are tried first and in order:
`--mirror URL`, then `$NEUROSTORE_MODEL_MIRRORS`, then `mirrors` of a TOML file of this form named by `--models` or
`$NEUROSTORE_MODELS_TOML`. A bearer token for private mirrors is read from `$NEUROSTORE_MODEL_TOKEN`; it is sent to
mirrors over https alone and follows no redirect. The cache is `$NEUROSTORE_MODELS`, else the user's cache folder.

MediaPipe (`--estimator mediapipe`) needs none of this: its model lies in the package's wheel.
"""


def page() -> str:
    """The page as text."""
    parts = [_HEAD]
    for model in declared.declared().values():
        parts.append(f"\n## {model.name}\n\n{model.meaning}.\n")
        rows = [
            ("estimator", f"`{model.estimator}`"),
            ("file", f"`{model.file}`, about {model.size_about_mb / 1000:.1f} GB"),
            ("SHA-256", f"`{model.sha256}`"),
            *[("address", f"<{url}>") for url in (*model.mirrors, *model.urls)],
            ("written by", f"TensorFlow {model.producer}"),
            ("runs with", f"TensorFlow {model.tensorflow}"),
            ("licence", model.licence),
            ("cite", model.cite),
            ("stored by default", ", ".join(f"`{s}`" for s in model.stored)),
            ("skeletons", ", ".join(f"`{s}`" for s in model.skeletons)),
            ("ops", f"{len(model.ops)}, all stock"),
        ]
        parts.append("\n| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows))
    return "".join(parts)


if __name__ == "__main__":
    print(page(), end="")
