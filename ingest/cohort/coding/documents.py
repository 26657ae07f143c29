"""JSON, TOML and the poses of other programs: known keys with numbers and plain words; every other text is left out."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from neurostore.errors import InputError
from neurostore.ingest.cohort.coding import dates
from neurostore.ingest.cohort.coding.labels import Masks
from neurostore.ingest.cohort.coding.study import Coder
from neurostore.ingest.cohort.coding.words import unknown_words, word_set

_POSES_KEYS = word_set("contract estimator units fps axes position_basis length_basis skeleton joints subject frames")
_MACHINE_MADE = re.compile(r"[0-9a-f]{64}|v?\d{1,2}(\.\d{1,4}){1,3}")  # a hash, a version
_COLUMNS = ("frame", "person", "joint", "x", "y", "z", "confidence")
_FRAME = re.compile(r"(frame_?)?\d+", re.IGNORECASE)
_STRUCTURE = word_set("""schema_version metadata frames frame_count fps width height detections boxes poses3d poses2d poses skeleton joints
    segmentations segmentation method params segments start_frame end_frame start end frame frame_index anthropometrics
    confidence sd box person persons people x y z scores score task name bidsversion datasettype samplingfrequency
    samplingfrequencyeffective motionchannelcount trackedpointscount trackingsystemname recordingtype recordingduration
    recordingepochcount missingvalues units levels longname spatialaxes rotationorder rotationrule epochlength
    hardwareversion softwareversions manufacturer manufacturersmodelname jnttrackingpoints posechannelcount
    channels coordinates provenance model_sha256 model_filename neuropose_version""")


def json_file(path: Path, coder: Coder, subject: str) -> bytes:
    """A JSON file: numbers, plain words and known keys; names of videos coded; the rest left out, with a note.

    Raises
    ------
    InputError : it is not JSON.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(path, f"is not JSON that can be coded: {str(error)[:120]}") from None
    left_out: set[str] = set()
    is_results = isinstance(content, dict) and all(isinstance(v, dict) and "frames" in v for v in content.values())
    if is_results and content:
        coded: Any = {_file(k, coder, subject): _value(v, coder, subject, left_out) for k, v in content.items()}
    else:
        coded = _value(content, coder, subject, left_out)
    if left_out:
        coder.notes.append(f"{path.name}: {len(left_out)} entries whose key or text may name somebody were left out")
    return (json.dumps(coded, indent=2 if is_results else None) + "\n").encode()


def _file(name: str, coder: Coder, subject: str) -> str:
    """A file's name or path, without the path."""
    last = re.split(r"[\\/]", name)[-1]
    stem, dot, suffix = last.rpartition(".")
    return coder.name(stem, subject) + dot + suffix if dot and suffix.isalnum() else coder.name(last, subject)


def _value(value: Any, coder: Coder, subject: str, left_out: set[str]) -> Any:
    if isinstance(value, dict):
        kept = {}
        for key, inner in value.items():
            if _is_known(key, coder):
                kept[key] = _value(inner, coder, subject, left_out)
                if isinstance(inner, int | float) and re.search("(?i)time|date", key):
                    moved = dates.moved_clock(inner, coder.days(subject)) if subject in coder.keys else None
                    kept[key] = inner if moved is None else type(inner)(moved)
            else:
                left_out.add(key)
        return kept
    if isinstance(value, list):
        is_numbers = bool(value) and isinstance(value[0], int | float)
        return value if is_numbers and all(isinstance(v, int | float) for v in value) else [
            _value(v, coder, subject, left_out) for v in value
        ]  # fmt: skip
    if not isinstance(value, str):
        return value
    if re.search(r"\.[A-Za-z0-9]{2,5}$", value) and not coder.remark(value, subject):
        return _file(value, coder, subject)
    coded = value if _MACHINE_MADE.fullmatch(value) else coder.remark(value, subject)
    if value and not coded:
        left_out.add(value)
    return coded


def _is_known(key: str, coder: Coder) -> bool:
    if _FRAME.fullmatch(key) or key.lower() in _STRUCTURE:
        return True
    return not unknown_words(key, coder.keep) and not coder.has_name(key)


def poses_json(path: Path, coder: Coder, subject: str) -> bytes:
    """Poses of another program: header and columns of the contract alone."""
    try:
        content = json.loads(path.read_bytes())
        columns = {k: v for k, v in content["columns"].items() if k in _COLUMNS}
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise InputError(path, f"is not a file of poses that can be coded: {str(error)[:120]}") from None
    masks = Masks(coder)
    header = _poses_header(content, coder, masks)
    if isinstance(columns.get("joint"), list):
        columns["joint"] = [masks.label(str(j)) for j in columns["joint"]]
    for name in set(columns) - {"joint"}:
        columns[name] = [v if isinstance(v, int | float) else None for v in columns[name]]
    return json.dumps({**header, "columns": columns}).encode()


def poses_parquet(path: Path, coder: Coder, subject: str) -> bytes:
    """The same as Parquet, rewritten: columns and header of the contract, no other metadata."""
    import pyarrow as pa

    try:
        table = pq.read_table(path, partitioning=None)
        header = json.loads((table.schema.metadata or {})[b"neurostore_poses"])
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise InputError(path, f"is not a file of poses that can be coded: {str(error)[:120]}") from None
    masks = Masks(coder)
    kept = table.select([c for c in table.column_names if c in _COLUMNS])
    if "joint" in kept.column_names:
        names = kept["joint"].cast(pa.string()).combine_chunks().dictionary_encode()
        coded = pa.DictionaryArray.from_arrays(
            names.indices, pa.array([masks.label(n) for n in names.dictionary.to_pylist()], pa.string())
        )
        at = kept.column_names.index("joint")
        kept = kept.set_column(at, "joint", coded.cast(pa.string()))
    for name in set(kept.column_names) - {"joint"}:
        if not (pa.types.is_integer(kept[name].type) or pa.types.is_floating(kept[name].type)):
            raise InputError(path, f"the column {name} is {kept[name].type}, expected numbers")
    metadata = {"neurostore_poses": json.dumps(_poses_header(header, coder, masks))}
    buffer = io.BytesIO()
    pq.write_table(kept.replace_schema_metadata(metadata), buffer)
    return buffer.getvalue()


def _poses_header(given: dict[str, Any], coder: Coder, masks: Masks) -> dict[str, Any]:
    header = {k: v for k, v in given.items() if k in _POSES_KEYS}
    if isinstance(header.get("estimator"), dict):
        estimator = {}
        for key in ("name", "version", "model", "model_sha256"):
            value = header["estimator"].get(key)
            if isinstance(value, str):
                last = re.split(r"[\\/]", value)[-1]
                estimator[key] = "coded" if coder.has_name(last) else last
        header["estimator"] = estimator
    if isinstance(header.get("joints"), list):
        header["joints"] = masks.labels([str(j) for j in header["joints"]])
    for key in ("units", "axes", "position_basis", "length_basis", "skeleton"):
        value = header.get(key)
        if isinstance(value, str) and (coder.has_name(value) or not re.fullmatch(r"[\w.+-]+", value)):
            header[key] = ""
    return {k: v for k, v in header.items() if not (k in ("fps", "subject", "frames") and isinstance(v, str))}


def config(path: Path, coder: Coder) -> bytes:
    """cohort.toml without its comments: patterns of files coded as the files are.

    Raises
    ------
    InputError : it is not TOML.
    """
    import tomllib

    from neurostore import toml_text

    try:
        declared = toml_text.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(path, f"cannot be read as TOML: {error}") from None
    for entry in declared.get("match", []) if isinstance(declared.get("match"), list) else []:
        files = entry.get("files", [])
        entry["files"] = [pattern_coded(p, coder) for p in ([files] if isinstance(files, str) else files)]
    if "session_order" in declared:
        declared["session_order"] = [coder.name(str(s), "") for s in declared["session_order"]]
    return _toml(declared, Masks(coder)).encode()


def pattern_coded(pattern: str, coder: Coder) -> str:
    """A pattern of paths: each folder and name coded as the files it matches; wildcards stay."""
    folders = pattern.split("/")
    first = folders[0].removeprefix("sub-")
    subject = first if first in coder.keys else ""
    out = []
    for i, part in enumerate(folders):
        stem, dot, suffix = part.rpartition(".") if i == len(folders) - 1 else (part, "", "")
        whole = stem if dot else part
        pieces = re.split(r"([*?\[\]!])", whole)
        coded = "".join(p if re.fullmatch(r"[*?\[\]!]", p) else coder.name(p, subject) for p in pieces)
        out.append(coded + dot + suffix)
    return "/".join(out)


def _toml(content: dict[str, Any], masks: Masks) -> str:
    return "".join(f"{_toml_key(k)} = {_toml_value(v, masks)}\n" for k, v in content.items())


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _toml_value(value: Any, masks: Masks) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        inner = ", ".join(f"{_toml_key(masks.label(k))} = {_toml_value(v, masks)}" for k, v in value.items())
        return "{" + inner + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(v, masks) for v in value) + "]"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(masks.label(str(value)), ensure_ascii=False)
