"""Pose models on this machine: declared and pinned in schemas/models.toml, fetched, checked, kept in a cache folder.

A model in the cache is one folder ``<cache>/<name>-<first 16 of the SHA-256>/`` with the unpacked ``tree/`` and a
``manifest.json``; it appears by one rename, after the tarball's SHA-256 and the SavedModel's interface were checked.
A bundle of MediaPipe (``.task``) is one file, which is kept as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from neurostore import file_hash, storage
from neurostore.errors import MissingExtraError, ModelError
from neurostore.ingest.video.models import download, inspection
from neurostore.ingest.video.models.declared import Model
from neurostore.storage import temporary
from neurostore.wording import and_more, listed

_CHUNK = 1 << 20
BUNDLED = ("pose_detector.tflite", "pose_landmarks_detector.tflite")
_UNPACKED_LIMIT = 20  # largest size of a model in sizes of its tarball


@dataclass(frozen=True)
class Installed:
    """A model in the cache. path : the folder with saved_model.pb, or the bundle; tree_sha256 : measured over every file."""

    model: Model
    path: Path
    tree_sha256: str


def cache_folder() -> Path:
    """Where models are kept: $NEUROSTORE_MODELS, else the user's cache folder of this system."""
    return Path(os.environ.get("NEUROSTORE_MODELS") or platformdirs.user_cache_path("neurostore") / "models")


# -- getting a model ------------------------------------------------------------------------------------------------


def fetch(
    model: Model,
    *,
    folder: Path | None = None,
    tarball: Path | None = None,
    mirrors: Sequence[str] = (),
    token: str | None = None,
    progress: download.Progress | None = None,
    wait_s: float = 1.0,
) -> Installed:
    """The model in the cache, downloaded if it is not there.

    Parameters
    ----------
    tarball : a file from the user, used instead of the network.
    mirrors : addresses tried before those declared. A mirror ending in '/' gets the file's name appended.
    token : bearer token; it goes to mirrors only, never to the model's public address.

    Raises
    ------
    ModelError : nothing answered, the SHA-256 differs (both are named), the tarball holds a member that may not be
        unpacked, or the SavedModel lacks what the estimator calls. The cache then holds nothing of it, but for the
        part of a download that broke off, which the next call continues.
    """
    folder = cache_folder() if folder is None else folder
    with contextlib.suppress(ModelError):
        return installed(model, folder=folder)
    folder.mkdir(parents=True, exist_ok=True)
    if tarball is not None:
        measured = sha256_of(tarball)
        if measured != model.sha256.lower():
            raise ModelError(_mismatch(tarball, measured, model))
        return _install(model, tarball, folder, source="a file given by hand")
    addresses = [
        *(_mirror(url, model, token) for url in (*mirrors, *model.mirrors)),
        *(download.Address(url) for url in model.urls),
    ]
    _check_space(model, folder)
    part = folder / "partial" / f"{model.sha256[:16]}-{model.file}"
    with download.alone(part, model.name):
        source = _download(model, addresses, part, progress, wait_s)
        try:
            return _install(model, part, folder, source=source.shown)
        finally:
            part.unlink(missing_ok=True)


def _download(
    model: Model,
    addresses: list[download.Address],
    part: Path,
    progress: download.Progress | None,
    wait_s: float,
) -> download.Address:
    """Have the model's file, with the hash that is pinned. Returns the address that gave it."""
    limit = int(max(model.size_about_mb, 1.0) * 4e6)
    remaining, mismatches, again = addresses, [], False
    while True:
        source = download.fetch(remaining, part, progress=progress, wait_s=wait_s, limit_bytes=limit)
        measured = sha256_of(part)
        if measured == model.sha256.lower():
            return source
        part.unlink(missing_ok=True)
        mismatches.append(_mismatch(source.shown, measured, model))
        remaining = [address for address in remaining if address is not source]
        if not remaining:
            if again:
                raise ModelError("; ".join(mismatches))
            remaining, again = [source], True  # try once more from the first byte


def _mirror(url: str, model: Model, token: str | None) -> download.Address:
    return download.Address(url + model.file if url.endswith("/") else url, token)


def _mismatch(where: object, measured: str, model: Model) -> str:
    return (
        f"{where}: SHA-256 is {measured}, pinned for {model.name} is {model.sha256}; it is truncated, altered or "
        f"another model: nothing was unpacked. Fetch it from another mirror; to use this file as it is, declare it with its "
        f"SHA-256 in a TOML file for --models"
    )


def _check_space(model: Model, folder: Path) -> None:
    needed = 2.5 * model.size_about_mb * 1e6  # for the tarball and the unpacked files
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            f"{folder}: {free / 1e9:.1f} GB free, {model.name} needs about {needed / 1e9:.1f} GB; free some space "
            f"or set NEUROSTORE_MODELS to a folder on a larger disk"
        )


def _install(model: Model, tarball: Path, folder: Path, source: str) -> Installed:
    """Unpack a tarball whose hash is right into a staging folder, look at it, and rename it into place."""
    try:
        _unpack_into_place(model, tarball, folder, source)
    except OSError as error:
        raise ModelError(f"{folder}: {model.name} cannot be stored: {error.strerror or error}") from None
    return installed(model, folder=folder)


def _unpack_into_place(model: Model, tarball: Path, folder: Path, source: str) -> None:
    final = _place(model, folder)
    with temporary.folder_beside(final) as staging:
        if is_bundle(model):
            check_bundle(tarball)
            (staging / "tree").mkdir()
            root = Path(shutil.copyfile(tarball, staging / "tree" / Path(model.file).name))
        else:
            unpack(tarball, staging / "tree")
            root = saved_model_folder(staging / "tree")
            with contextlib.suppress(MissingExtraError):  # without TensorFlow, this is checked at the first load
                inspection.check(inspection.inspect(root), model)
        files = _measure(staging / "tree")
        manifest = {
            "model": model.name,
            "artifact_sha256": model.sha256.lower(),
            "source": source,
            "saved_model": root.relative_to(staging / "tree").as_posix(),
            "tree_sha256": _tree_hash(files),
            "files": files,
        }
        (staging / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        if final.exists():  # an older or damaged one, or from another process that was faster
            shutil.rmtree(final)
        storage.publish(staging, final)


def is_bundle(model: Model) -> bool:
    """Whether the model is one bundle of MediaPipe, not a tarball with a SavedModel."""
    return model.file.endswith(".task")


def check_bundle(path: Path) -> None:
    """See that a file is a pose landmarker's bundle: a zip with a detector and a model of landmarks.

    Raises
    ------
    ModelError : it is not.
    """
    try:
        with zipfile.ZipFile(path) as bundle:
            members = bundle.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelError(f"{path.name}: is not a bundle of MediaPipe: {error}") from None
    if absent := [name for name in BUNDLED if name not in members]:
        raise ModelError(
            f"{path.name}: is not a pose landmarker: it lacks {', '.join(absent)}, found {listed(members, 5) or 'nothing'}"
        )


def unpack(tarball: Path, target: Path) -> None:
    """Unpack regular files and folders below ``target``; anything else in the tarball refuses the whole.

    Raises
    ------
    ModelError : not a readable tar file, or a member with an absolute path, a ``..``, a link or a device.
    """
    limit = _UNPACKED_LIMIT * tarball.stat().st_size + _CHUNK
    try:
        with tarfile.open(tarball) as archive:
            members = archive.getmembers()
            bad = [f"{m.name!r} ({reason})" for m in members if (reason := _refused(m))]
            if bad:
                raise ModelError(f"{tarball.name}: holds members that may not be unpacked: {listed(bad, 5)}")
            total = sum(m.size for m in members)
            if total > limit:
                raise ModelError(f"{tarball.name}: unpacks to {total} bytes, more than {limit}: this is not a model")
            target.mkdir(parents=True, exist_ok=True)
            archive.extractall(target, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ModelError(f"{tarball.name}: cannot be unpacked: {error}") from None


def _refused(member: tarfile.TarInfo) -> str:
    parts = member.name.replace("\\", "/").split("/")
    if member.name.startswith(("/", "\\")) or ":" in parts[0]:
        return "an absolute path"
    if ".." in parts:
        return "leads out of the folder"
    if member.issym() or member.islnk():
        return "a link"
    if not (member.isfile() or member.isdir()):
        return "neither file nor folder"
    return ""


def saved_model_folder(tree: Path) -> Path:
    """The one folder below ``tree`` that holds saved_model.pb."""
    folders = sorted(p.parent for p in tree.rglob("saved_model.pb"))
    if len(folders) != 1:
        raise ModelError(
            f"{tree}: holds {len(folders)} files saved_model.pb, expected one: this is not a single SavedModel"
        )
    return folders[0]


# -- what is in the cache --------------------------------------------------------------------------------------------


def installed(model: Model, *, folder: Path | None = None) -> Installed:
    """The model in the cache, checked cheaply: every file there, with the size and time of when it was unpacked.

    Raises
    ------
    ModelError : not there, or a file changed since.
    """
    folder = cache_folder() if folder is None else folder
    manifest = _manifest(model, folder)
    tree = _place(model, folder) / "tree"
    changed = []
    for name, entry in manifest["files"].items():
        try:
            status = (tree / name).stat()
        except OSError:
            changed.append(f"{name} is missing")
            continue
        if (status.st_size, status.st_mtime_ns) != (entry["size"], entry["mtime_ns"]):
            changed.append(
                f"{name} has {status.st_size} bytes of {status.st_mtime_ns}, "
                f"unpacked were {entry['size']} of {entry['mtime_ns']}"
            )
    changed += [f"{name} was added" for name in sorted(set(_files(tree)) - set(manifest["files"]))]
    if changed:
        raise ModelError(
            f"{tree}: changed since it was unpacked: {'; '.join(and_more(changed, 5))}; "
            f"run 'neurostore model fetch --force' to download it again"
        )
    return Installed(model, tree / manifest["saved_model"], manifest["tree_sha256"])


def state(model: Model, *, folder: Path | None = None) -> str | None:
    """What is wrong with the model in the cache: "" for nothing, None if it is not there."""
    folder = cache_folder() if folder is None else folder
    if not _place(model, folder).is_dir():
        return None
    try:
        installed(model, folder=folder)
    except ModelError as error:
        return str(error)
    return ""


def verify(model: Model, *, folder: Path | None = None) -> Installed:
    """The model in the cache, checked in full: every byte hashed again.

    Raises
    ------
    ModelError : not there, or the hash of a file differs (both are named).
    """
    folder = cache_folder() if folder is None else folder
    manifest = _manifest(model, folder)
    tree = _place(model, folder) / "tree"
    now, then = _measure(tree), manifest["files"]
    wrong = []
    for name in sorted(set(now) | set(then)):
        digest = now.get(name, {}).get("sha256", "missing")
        expected = then.get(name, {}).get("sha256", "no such file")
        if digest != expected:
            wrong.append(f"{name}: SHA-256 is {digest}, unpacked was {expected}")
    if wrong:
        raise ModelError(
            f"{tree}: {'; '.join(and_more(wrong, 5))}; run 'neurostore model fetch --force' to download it again"
        )
    return Installed(model, tree / manifest["saved_model"], _tree_hash(now))


def remove(model: Model, *, folder: Path | None = None) -> None:
    """Take the model out of the cache, if it is there."""
    shutil.rmtree(_place(model, cache_folder() if folder is None else folder), ignore_errors=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    try:
        return file_hash.sha256_of(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None


def tree_sha256(tree: Path) -> str:
    """SHA-256 over the names and SHA-256 of every file below a folder."""
    return _tree_hash(_measure(tree))


def _place(model: Model, folder: Path) -> Path:
    return folder / f"{model.name}-{model.sha256[:16].lower()}"


def _manifest(model: Model, folder: Path) -> dict[str, Any]:
    path = _place(model, folder) / "manifest.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if is_bundle(model):
            raise ModelError(
                f"the pose model {model.name} is not on this machine (looked in {folder}); get it with 'neurostore model "
                f"fetch --model {model.name}' (about {model.size_about_mb:.0f} MB) or 'neurostore model fetch --model "
                f"{model.name} --from FILE'"
            ) from None
        raise ModelError(
            f"the pose model {model.name} is not on this machine (looked in {folder}); get it with 'neurostore model "
            f"fetch' (about {model.size_about_mb / 1000:.1f} GB) or 'neurostore model fetch --from FILE'; "
            f"'--estimator mediapipe' with mediapipe 0.10.21 needs no download"
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}; run 'neurostore model fetch --force'") from None


def _files(tree: Path) -> list[str]:
    return sorted(p.relative_to(tree).as_posix() for p in tree.rglob("*") if p.is_file())


def _measure(tree: Path) -> dict[str, dict[str, Any]]:
    measured = {}
    for name in _files(tree):
        status = (tree / name).stat()
        measured[name] = {
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "sha256": sha256_of(tree / name),
        }
    return measured


def _tree_hash(files: dict[str, dict[str, Any]]) -> str:
    lines = "".join(f"{name}\0{files[name]['sha256']}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()
