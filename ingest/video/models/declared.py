"""The pose models that schemas/models.toml declares."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from neurostore import toml_text
from neurostore.errors import UsageError


@dataclass(frozen=True)
class Model:
    """One declared model; fields as in schemas/models.toml. ``mirrors`` come before ``urls``."""

    name: str
    estimator: str
    file: str
    sha256: str
    urls: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    size_about_mb: float = 0.0
    meaning: str = ""
    producer: str = ""
    tensorflow: str = ""
    licence: str = ""
    cite: str = ""
    skeletons: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()
    methods: dict[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()
    ops: frozenset[str] = frozenset()


def declared(configuration: Path | None = None) -> dict[str, Model]:
    """Every declared model by name, the default one first.

    configuration : a TOML file of the same form; its models are added, and an entry with a known name changes the
    fields it states (so a lab can put its own mirrors before the public address).
    """
    packaged = tomllib.loads((resources.files("neurostore.schemas") / "models.toml").read_text(encoding="utf-8"))
    models = {entry["name"]: _model(entry, "models.toml") for entry in packaged["model"]}
    default = packaged["default"]
    if configuration is not None:
        try:
            own = toml_text.loads(Path(configuration).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(f"{configuration}: cannot be read as a table of models: {error}") from None
        for entry in own.get("model", []):
            name = entry.get("name")
            models[name] = _model(entry, str(configuration), models.get(name))
        default = own.get("default", default)
    if default not in models:
        raise UsageError(f"the default model {default!r} is not declared; declared are {', '.join(models)}")
    return {default: models.pop(default), **models}


def find(name: str | None = None, configuration: Path | None = None) -> Model:
    """The declared model of that name, or the default one."""
    models = declared(configuration)
    if name is None:
        return next(iter(models.values()))
    try:
        return models[name]
    except KeyError:
        raise UsageError(f"no model named {name!r} is declared; declared are {', '.join(models)}") from None


def _model(entry: dict[str, Any], where: str, base: Model | None = None) -> Model:
    entry = dict(entry)
    if interface := entry.pop("interface", None):
        entry["methods"] = {name: tuple(given) for name, given in interface.get("methods", {}).items()}
        entry["attributes"] = interface.get("attributes", ())
    if ops := entry.pop("ops", None):
        entry["ops"] = frozenset(ops["inventory"])
    entry = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    try:
        model = replace(base, **entry) if base else Model(**entry)
    except TypeError as error:
        raise UsageError(f"{where}: model {entry.get('name')!r}: {error}") from None
    if len(model.sha256) != 64 or set(model.sha256.lower()) - set("0123456789abcdef"):
        raise UsageError(f"{where}: model {model.name!r}: sha256 must be 64 hexadecimal digits, found {model.sha256!r}")
    return model
