"""The model store against a real HTTP server on this machine."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from neurostore.errors import ModelError, UsageError
from neurostore.ingest.video.models import declared, download, store
from tests import ROOT
from tests.installed import need

need("tensorflow", "the store looks into SavedModels with TensorFlow")


@dataclass
class Server:
    """What the server holds and how it misbehaves; requests are kept as (path, headers)."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    dies_after: dict[str, list[int]] = field(default_factory=dict)  # bytes before the connection drops, per request
    redirects: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    has_ranges: bool = True
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            state.requests.append((self.path, dict(self.headers)))
            path = self.path.split("?")[0]
            if path in state.redirects:
                self.send_response(302)
                self.send_header("Location", state.redirects[path])
                self.end_headers()
                return
            if state.token and self.headers.get("Authorization") != f"Bearer {state.token}":
                self.send_error(401)
                return
            if path not in state.files:
                self.send_error(404)
                return
            body, start = state.files[path], 0
            asked = self.headers.get("Range")
            if asked and state.has_ranges:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(body):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(body)}")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            limits = state.dies_after.get(path)
            stop = start + limits.pop(0) if limits else len(body)
            self.wfile.write(body[start:stop])
            if stop < len(body):
                self.close_connection = True

    service = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{service.server_port}"
    thread = threading.Thread(target=service.serve_forever, daemon=True)
    thread.start()
    yield state
    service.shutdown()
    service.server_close()
    thread.join()


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small SavedModel with a method and an attribute."""
    import tensorflow as tf

    class Tiny(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.per_skeleton_joint_names = {"pair": tf.Variable(["left", "right"])}

        @tf.function(
            input_signature=[tf.TensorSpec((None,), tf.float32, "images"), tf.TensorSpec((), tf.int32, "num_aug")]
        )
        def detect_poses_batched(self, images, num_aug=5):
            return images * tf.cast(num_aug, tf.float32)

    folder = tmp_path_factory.mktemp("tiny") / "tiny_model"
    tf.saved_model.save(Tiny(), str(folder))
    return folder


@pytest.fixture(scope="session")
def tarball(saved_model: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("tar") / "tiny.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(saved_model, "tiny_model")
    return path.read_bytes()


@pytest.fixture
def model(server: Server, tarball: bytes) -> declared.Model:
    server.files["/tiny.tar.gz"] = tarball
    return declared.Model(
        name="tiny",
        estimator="metrabs",
        file="tiny.tar.gz",
        sha256=hashlib.sha256(tarball).hexdigest(),
        urls=(f"{server.url}/tiny.tar.gz",),
        size_about_mb=1.0,
        tensorflow=">=2.16,<2.19",
        methods={"detect_poses_batched": ("images", "num_aug")},
        attributes=("per_skeleton_joint_names",),
    )


def fetch(model: declared.Model, folder: Path, **how: object) -> store.Installed:
    return store.fetch(model, folder=folder, wait_s=0.0, **how)  # type: ignore[arg-type]


def left_in(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def pack(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info, body in members:
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


def serve(server: Server, model: declared.Model, body: bytes) -> declared.Model:
    server.files["/tiny.tar.gz"] = body
    return replace(model, sha256=hashlib.sha256(body).hexdigest())


# -- the happy path --------------------------------------------------------------------------------------------------


def test_fetch_unpacks_checks_and_records(model: declared.Model, server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    got = fetch(model, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert (got.path / "saved_model.pb").is_file()
    assert seen[-1] == (len(server.files["/tiny.tar.gz"]),) * 2
    assert got.tree_sha256 == by_hand(got.path.parent)
    assert not [name for name in left_in(tmp_path) if "partial" in name or ".tmp" in name]
    assert store.installed(model, folder=tmp_path) == got
    assert store.verify(model, folder=tmp_path) == got
    assert fetch(model, tmp_path) == got
    assert len(server.requests) == 1, "a model that is there is not downloaded again"


def by_hand(tree: Path) -> str:
    """The tree hash by its definition: names and file hashes, sorted by name."""
    lines = [
        f"{path.relative_to(tree).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in tree.rglob("*")
        if path.is_file()
    ]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def test_download_goes_on_where_it_stopped(model: declared.Model, server: Server, tmp_path: Path) -> None:
    server.dies_after["/tiny.tar.gz"] = [1000, 2000]
    fetch(model, tmp_path)
    asked = [headers.get("Range") for _, headers in server.requests]
    assert asked == [None, "bytes=1000-", "bytes=3000-"]


def test_a_later_call_goes_on_too(model: declared.Model, server: Server, tmp_path: Path) -> None:
    server.dies_after["/tiny.tar.gz"] = [1500, 0, 0, 0, 0]
    with pytest.raises(ModelError, match=r"ended after 1500 of \d+ bytes"):
        fetch(model, tmp_path)
    assert not [name for name in left_in(tmp_path) if "saved_model" in name]
    server.requests.clear()
    fetch(model, tmp_path)
    assert [headers.get("Range") for _, headers in server.requests] == ["bytes=1500-"]


def test_a_server_without_ranges_starts_again(model: declared.Model, server: Server, tmp_path: Path) -> None:
    server.has_ranges = False
    server.dies_after["/tiny.tar.gz"] = [1000]
    assert fetch(model, tmp_path).path.is_dir()


def test_part_of_another_file_is_dropped(model: declared.Model, server: Server, tmp_path: Path, tarball: bytes) -> None:
    part = tmp_path / "partial" / f"{model.sha256[:16]}-{model.file}"
    part.parent.mkdir()
    part.write_bytes(b"x" * (len(tarball) + 5))
    assert fetch(model, tmp_path).path.is_dir()


def test_mirrors_come_first_and_in_order(model: declared.Model, server: Server, tmp_path: Path) -> None:
    server.files["/private/tiny.tar.gz"] = server.files["/tiny.tar.gz"]
    fetch(model, tmp_path, mirrors=[f"{server.url}/gone/", f"{server.url}/private/"])
    assert [path for path, _ in server.requests] == ["/gone/tiny.tar.gz", "/private/tiny.tar.gz"]


def test_a_token_goes_to_mirrors_alone(model: declared.Model, server: Server, tmp_path: Path) -> None:
    server.token = "secret"
    with pytest.raises(ModelError, match="HTTP 401"):
        fetch(model, tmp_path, token="secret")  # the public address never sees it
    assert "Authorization" not in server.requests[-1][1]
    mirror = replace(model, urls=())
    assert fetch(mirror, tmp_path, mirrors=[f"{server.url}/tiny.tar.gz"], token="secret").path.is_dir()


def test_a_token_does_not_follow_a_redirect(model: declared.Model, server: Server, tmp_path: Path) -> None:
    server.redirects["/signed"] = f"{server.url}/tiny.tar.gz?signature=abc"
    fetch(replace(model, urls=()), tmp_path, mirrors=[f"{server.url}/signed"], token="secret")
    first, second = server.requests
    assert first[1].get("Authorization") == "Bearer secret"
    assert "Authorization" not in second[1]


def test_from_a_file_brought_by_hand(model: declared.Model, server: Server, tmp_path: Path, tarball: bytes) -> None:
    brought = tmp_path / "brought.tar.gz"
    brought.write_bytes(tarball)
    assert fetch(replace(model, urls=()), tmp_path / "cache", tarball=brought).path.is_dir()
    assert not server.requests
    assert brought.exists()


# -- what is refused -------------------------------------------------------------------------------------------------


def test_a_wrong_hash_says_both_and_leaves_nothing(model: declared.Model, server: Server, tmp_path: Path) -> None:
    wrong = replace(model, sha256="0" * 64)
    with pytest.raises(ModelError) as refused:
        fetch(wrong, tmp_path)
    assert model.sha256 in str(refused.value)
    assert wrong.sha256 in str(refused.value)
    assert left_in(tmp_path) == []
    assert len(server.requests) == 2, "tried once more, then given up"


def test_a_wrong_file_brought_by_hand(model: declared.Model, tmp_path: Path) -> None:
    brought = tmp_path / "other.tar.gz"
    brought.write_bytes(b"something else")
    with pytest.raises(ModelError) as refused:
        fetch(model, tmp_path / "cache", tarball=brought)
    assert hashlib.sha256(b"something else").hexdigest() in str(refused.value)
    assert model.sha256 in str(refused.value)


def test_an_altered_mirror_is_passed_over(model: declared.Model, server: Server, tmp_path: Path) -> None:
    server.files["/bad/tiny.tar.gz"] = b"altered" * 100
    assert fetch(model, tmp_path, mirrors=[f"{server.url}/bad/"]).path.is_dir()


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (tarfile.TarInfo("../outside"), "leads out"),
        (tarfile.TarInfo("model/../../outside"), "leads out"),
        (tarfile.TarInfo("/etc/outside"), "absolute"),
    ],
)
def test_members_that_lead_out(
    info: tarfile.TarInfo, reason: str, model: declared.Model, server: Server, tmp_path: Path
) -> None:
    model = serve(server, model, pack([(tarfile.TarInfo("model/saved_model.pb"), b"x"), (info, b"evil")]))
    with pytest.raises(ModelError, match=reason):
        fetch(model, tmp_path / "cache")
    assert left_in(tmp_path) == ["cache"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices(kind: bytes, model: declared.Model, server: Server, tmp_path: Path) -> None:
    info = tarfile.TarInfo("model/link")
    info.type, info.linkname = kind, "saved_model.pb"
    model = serve(server, model, pack([(tarfile.TarInfo("model/saved_model.pb"), b"x"), (info, b"")]))
    with pytest.raises(ModelError, match=r"link|neither file nor folder"):
        fetch(model, tmp_path / "cache")
    assert left_in(tmp_path) == ["cache"]


def test_a_truncated_tarball(model: declared.Model, server: Server, tmp_path: Path, tarball: bytes) -> None:
    model = serve(server, model, tarball[: len(tarball) // 2])
    with pytest.raises(ModelError, match="cannot be unpacked"):
        fetch(model, tmp_path / "cache")
    assert left_in(tmp_path) == ["cache"]


def test_a_tarball_without_a_model(model: declared.Model, server: Server, tmp_path: Path) -> None:
    model = serve(server, model, pack([(tarfile.TarInfo("readme"), b"nothing here")]))
    with pytest.raises(ModelError, match=r"0 files saved_model\.pb"):
        fetch(model, tmp_path / "cache")
    assert left_in(tmp_path) == ["cache"]


def test_a_model_without_a_needed_method(model: declared.Model, tmp_path: Path) -> None:
    lacking = replace(model, methods={"detect_poses_batched": ("images", "boxes"), "estimate_poses": ()})
    with pytest.raises(ModelError) as refused:
        fetch(replace(lacking, attributes=("per_skeleton_joint_edges",)), tmp_path / "cache")
    for named in ("takes no boxes", "no method estimate_poses", "no attribute per_skeleton_joint_edges"):
        assert named in str(refused.value)
    assert left_in(tmp_path) == ["cache"]


def test_an_op_this_tensorflow_does_not_know(
    model: declared.Model, server: Server, tmp_path: Path, saved_model: Path
) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(saved_model, altered / "model")
    pb = altered / "model" / "saved_model.pb"
    body = pb.read_bytes()
    assert body.count(b"Mul") >= 1
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(body)
    next(
        n for f in saved.meta_graphs[0].graph_def.library.function for n in f.node_def if n.op == "Mul"
    ).op = "Mu1Secret"
    pb.write_bytes(saved.SerializeToString())
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(altered / "model", "model")
    model = serve(server, model, buffer.getvalue())
    with pytest.raises(ModelError, match=r"TensorFlow 2\.\d+\.\d+ does not know: Mu1Secret"):
        fetch(model, tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/model.tar.gz", "/local/model.tar.gz"])
def test_only_http_addresses(url: str, model: declared.Model, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="http:// or https:// addresses only"):
        fetch(model, tmp_path, mirrors=[url])


def test_a_redirect_to_a_file_is_not_followed(model: declared.Model, server: Server, tmp_path: Path) -> None:
    server.redirects["/tiny.tar.gz"] = f"file://{tmp_path}/x"
    with pytest.raises(ModelError, match="no address gave the whole file"):
        fetch(model, tmp_path)


def test_a_token_is_not_sent_in_the_clear() -> None:
    with pytest.raises(ModelError, match="not sent over plain http"):
        download.Address("http://models.example.org/x", token="secret")


def test_a_signed_address_is_not_shown(model: declared.Model, server: Server, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        fetch(replace(model, urls=()), tmp_path, mirrors=[f"{server.url}/gone.tar.gz?signature=secret"])
    assert "HTTP 404" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_an_endless_server(model: declared.Model, server: Server, tmp_path: Path) -> None:
    server.files["/tiny.tar.gz"] = b"0" * 5_000_000
    with pytest.raises(ModelError, match="sends more than 4000000 bytes"):
        fetch(model, tmp_path)
    assert left_in(tmp_path) == []


def test_two_processes_do_not_append_to_one_file(model: declared.Model, tmp_path: Path) -> None:
    part = tmp_path / "partial" / f"{model.sha256[:16]}-{model.file}"
    with download.alone(part, model.name), pytest.raises(ModelError, match="another process is downloading tiny"):
        fetch(model, tmp_path)
    assert fetch(model, tmp_path).path.is_dir()


def test_what_a_killed_fetch_left_is_swept_by_the_next(model: declared.Model, tarball: bytes, tmp_path: Path) -> None:
    left = tmp_path / f".{model.name}-{model.sha256[:16]}.0123abcd.tmp" / "tree"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"0" * 1000)
    fetch(model, tmp_path)
    assert not left.parent.exists()


def test_a_full_disk_is_named(model: declared.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "_measure", full)
    with pytest.raises(ModelError, match="tiny cannot be stored: No space left on device"):
        fetch(model, tmp_path)
    assert left_in(tmp_path) == []


# -- what happens to a model in the cache ----------------------------------------------------------------------------


def test_a_changed_file_is_noticed_at_load(model: declared.Model, tmp_path: Path) -> None:
    got = fetch(model, tmp_path)
    pb = got.path / "saved_model.pb"
    pb.write_bytes(pb.read_bytes() + b"\0")
    with pytest.raises(ModelError, match=r"saved_model\.pb has \d+ bytes"):
        store.installed(model, folder=tmp_path)


def test_verify_sees_what_size_and_time_hide(model: declared.Model, tmp_path: Path) -> None:
    pb = fetch(model, tmp_path).path / "saved_model.pb"
    status, body = pb.stat(), pb.read_bytes()
    pb.write_bytes(bytes([body[0] ^ 1]) + body[1:])
    os.utime(pb, ns=(status.st_atime_ns, status.st_mtime_ns))
    store.installed(model, folder=tmp_path)
    with pytest.raises(ModelError) as refused:
        store.verify(model, folder=tmp_path)
    assert hashlib.sha256(body).hexdigest() in str(refused.value)
    assert hashlib.sha256(pb.read_bytes()).hexdigest() in str(refused.value)


def test_an_added_file_is_noticed(model: declared.Model, tmp_path: Path) -> None:
    (fetch(model, tmp_path).path / "assets.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"assets\.bin was added"):
        store.installed(model, folder=tmp_path)


def test_a_model_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neurostore model fetch.*--estimator mediapipe"):
        store.installed(declared.find(), folder=tmp_path)


# -- declarations ----------------------------------------------------------------------------------------------------


def test_the_pinned_model() -> None:
    model = declared.find()
    assert model.sha256 == "fa31b5b043f227588c3d224e56db89307d021bfbbb52e36028919f90e1f96c89"
    assert len(model.ops) == 131
    assert {"berkeley_mhad_43", "bml_movi_87"} <= set(model.skeletons)
    assert len(model.skeletons) == 23


def test_configuration_adds_mirrors_and_models(tmp_path: Path) -> None:
    pinned = declared.find()
    own = tmp_path / "models.toml"
    own.write_text(
        f'[[model]]\nname = "{pinned.name}"\nmirrors = ["https://models.example.org/metrabs/"]\n'
        f'[[model]]\nname = "lab"\nestimator = "metrabs"\nfile = "lab.tar.gz"\nsha256 = "{"1" * 64}"\n'
    )
    models = declared.declared(own)
    assert models[pinned.name].mirrors == ("https://models.example.org/metrabs/",)
    assert models[pinned.name].sha256 == pinned.sha256
    assert models["lab"].file == "lab.tar.gz"


@pytest.mark.parametrize("sha256", ["abc", "z" * 64])
def test_a_configured_hash_that_is_none(sha256: str, tmp_path: Path) -> None:
    own = tmp_path / "models.toml"
    own.write_text(f'[[model]]\nname = "lab"\nestimator = "metrabs"\nfile = "x"\nsha256 = "{sha256}"\n')
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        declared.declared(own)


def test_manifest_is_plain_json(model: declared.Model, tmp_path: Path) -> None:
    got = fetch(model, tmp_path)
    manifest = json.loads((got.path.parents[1] / "manifest.json").read_text())
    assert manifest["artifact_sha256"] == model.sha256
    assert manifest["tree_sha256"] == got.tree_sha256


def test_the_page_of_models_is_up_to_date() -> None:
    from neurostore.ingest.video.models.page import page

    written = ROOT / "docs" / "MODEL_ARTIFACTS.md"
    assert written.read_text(encoding="utf-8") == page()
