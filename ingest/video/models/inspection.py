"""The contents of a SavedModel, read from saved_model.pb without running any of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurostore.errors import MissingExtraError, ModelError
from neurostore.ingest.video.estimators.quiet import native_stderr_held
from neurostore.release import how_to_install

if TYPE_CHECKING:
    from neurostore.ingest.video.models.declared import Model


@dataclass(frozen=True)
class Inspection:
    """Contents of one SavedModel.

    producer : version of the TensorFlow that wrote it; ops : every op of the graph and its functions;
    methods : name -> argument names without self; attributes : names of the other things the root object holds.
    """

    path: Path
    producer: str
    ops: frozenset[str]
    methods: dict[str, tuple[str, ...]]
    attributes: frozenset[str]


def import_tensorflow() -> Any:
    """The tensorflow module, without its start-up messages.

    Raises
    ------
    MissingExtraError : not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the first import; a value already set wins
    try:
        with native_stderr_held():
            import tensorflow
    except ImportError as error:
        raise MissingExtraError(
            f"MeTRAbs and saved models need TensorFlow ({error}): {how_to_install('pose')}; "
            f"'--estimator mediapipe' works without it"
        ) from None
    return tensorflow


def inspect(folder: Path) -> Inspection:
    """Read saved_model.pb of a folder.

    Raises
    ------
    ModelError : no such file, or it is not a SavedModel.
    """
    import_tensorflow()
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    path = Path(folder) / "saved_model.pb"
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    except DecodeError:
        raise ModelError(f"{path}: is not a SavedModel (its bytes cannot be parsed)") from None
    if not saved.meta_graphs or not saved.meta_graphs[0].object_graph_def.nodes:
        raise ModelError(f"{path}: holds no object with methods; expected a SavedModel of TensorFlow 2")
    graph = saved.meta_graphs[0]
    library = graph.graph_def.library.function
    functions = {f.signature.name for f in library}
    ops = {node.op for node in graph.graph_def.node}
    ops |= {node.op for function in library for node in function.node_def}
    objects = graph.object_graph_def
    methods, attributes = {}, set()
    for child in objects.nodes[0].children:
        node = objects.nodes[child.node_id]
        if node.WhichOneof("kind") == "function":
            methods[child.local_name] = _arguments(node.function.function_spec)
        else:
            attributes.add(child.local_name)
    return Inspection(
        Path(folder),
        graph.meta_info_def.tensorflow_version,
        frozenset(ops - functions),
        methods,
        frozenset(attributes),
    )


def _arguments(spec: Any) -> tuple[str, ...]:
    for field in spec.fullargspec.named_tuple_value.values:
        if field.key == "args":
            names = [value.string_value for value in field.value.list_value.values]
            return tuple(name for name in names if name != "self")
    return ()


def check(inspected: Inspection, model: Model) -> None:
    """Refuse a SavedModel that lacks what the estimator calls or uses an op this TensorFlow does not know.

    Raises
    ------
    ModelError : names every missing method, argument, attribute and unknown op.
    """
    problems = []
    for method, expected in model.methods.items():
        if method not in inspected.methods:
            problems.append(f"no method {method}; it has {', '.join(sorted(inspected.methods)) or 'none'}")
        elif lacking := [a for a in expected if a not in inspected.methods[method]]:
            problems.append(f"{method} takes no {', '.join(lacking)}; it takes {', '.join(inspected.methods[method])}")
    missing = [a for a in model.attributes if a not in inspected.attributes]
    if missing:
        problems.append(
            f"no attribute {', '.join(missing)}; it has {', '.join(sorted(inspected.attributes)) or 'none'}"
        )
    if unknown := unknown_ops(inspected):
        version = import_tensorflow().__version__
        problems.append(f"ops that TensorFlow {version} does not know: {', '.join(unknown)}")
    if problems:
        raise ModelError(f"{inspected.path}: cannot serve as {model.name}: {'; '.join(problems)}")


def unknown_ops(inspected: Inspection) -> list[str]:
    """Ops of the model that the installed TensorFlow has no definition of."""
    import_tensorflow()
    from tensorflow.python.framework import op_def_registry

    return sorted(op for op in inspected.ops if op_def_registry.get(op) is None)


def op_difference(inspected: Inspection, model: Model) -> tuple[list[str], list[str]]:
    """(ops the model has and the recorded inventory has not, the other way round)."""
    return sorted(inspected.ops - model.ops), sorted(model.ops - inspected.ops)


def version_warning(model: Model) -> str:
    """A sentence if the installed TensorFlow is outside the range the model was tested with, else ''."""
    version = import_tensorflow().__version__
    if not model.tensorflow or _within(version, model.tensorflow):
        return ""
    return (
        f"TensorFlow {version} is outside {model.tensorflow}, with which {model.name} was tested; "
        f"compare its poses with a machine inside the range (neurostore model bench) before trusting them"
    )


def _within(version: str, wanted: str) -> bool:
    have = _numbers(version)
    for bound in wanted.split(","):
        bound = bound.strip()
        if bound.startswith(">=") and have < _numbers(bound[2:]):
            return False
        if bound.startswith("<") and have >= _numbers(bound[1:]):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    numbers = []
    for part in version.split(".")[:2]:
        digits = "".join(c for c in part if c.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)
