"""A lake at s3://…, on a local moto server that knows conditional puts."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from neurostore import storage
from neurostore.api import Lake
from neurostore.api import open as open_lake
from neurostore.errors import ConflictError, LakeError, NotALakeError, VanishedVersionError
from neurostore.lake import delta, heartbeat
from neurostore.lake.commit import commit, stage
from neurostore.upkeep.compact import compact
from neurostore.upkeep.vacuum import sweep, vacuum
from tests import ROOT
from tests.builders.lake_builder import trial
from tests.builders.window_server import running
from tests.cli import cli_run
from tests.installed import need

boto3 = pytest.importorskip("boto3")
need("moto", "moto is not installed")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """moto in a process of its own: deltalake may hold the interpreter's lock while it waits for the store."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path_factory.mktemp("moto") / "requests.log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, Path(log.name).read_text()
                time.sleep(0.2)
        yield url, Path(log.name)
    finally:
        process.kill()
        process.wait()
        log.close()


@pytest.fixture(scope="module")
def bucket(server):
    """One bucket for all of them: each test has a prefix of its own."""
    said = {
        "AWS_ENDPOINT_URL": server[0], "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in said.items():
            patch.setenv(name, value)
        from neurostore.storage import s3

        s3._session.cache_clear()
        name = f"lakes-{time.time_ns()}"
        s3.client().create_bucket(Bucket=name)
        yield name
        s3._session.cache_clear()


def copied(root: str, bucket: str) -> str:
    """A copy of a lake that the server makes: far fewer requests than to write it again."""
    from neurostore.storage.s3 import client

    new = f"s3://{bucket}/copy{time.time_ns()}/lake"
    source, prefix = root.removeprefix("s3://").split("/", 1)
    for page in client().get_paginator("list_objects_v2").paginate(Bucket=source, Prefix=f"{prefix}/"):
        for found in page["Contents"]:
            key = new.removeprefix(f"s3://{bucket}/") + found["Key"].removeprefix(prefix)
            client().copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": source, "Key": found["Key"]})
    return new


@pytest.fixture
def requests(server):
    """Asks which data files were fetched since it was last asked."""
    seen = [0]

    def fetched() -> set[str]:
        time.sleep(0.1)
        text = server[1].read_text()[seen[0] :]
        seen[0] += len(text)
        return {line.split()[6] for line in text.splitlines() if '"GET ' in line and ".parquet" in line}

    fetched()
    return fetched


def heel(seed: int, n: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 100, (n, 3)).astype(np.float32)


def put(root: str, *trials, **options) -> int:
    staged = stage(root, list(trials))
    assert not staged.refused
    return commit(root, [staged], **options)


@pytest.fixture(scope="module")
def written(bucket) -> str:
    """Two subjects, three commits, one column that only the last file has. Of tests that change nothing."""
    root = Lake.create(f"s3://{bucket}/some/lake").path
    put(root, trial("S01", "walk", left_heel=heel(1)), subjects=[{"subject": "S01", "group": "control"}])
    put(root, trial("S02", "walk", left_heel=heel(2)))
    put(root, trial("S01", "run", left_heel=heel(3), right_heel=heel(4)))
    return root


@pytest.fixture
def unchanged(written) -> Lake:
    return open_lake(written)


@pytest.fixture
def lake(written, bucket) -> Lake:
    """The same, for a test that changes it."""
    return open_lake(copied(written, bucket))


@pytest.fixture(scope="module")
def ingested(bucket, tmp_path_factory):
    """A cohort of two recordings, the path of a lake of it, and the output of its first ingest."""
    from neurostore.ingest.pipeline import ingest
    from tests.builders.tiny_bvh import write_bvh

    cohort = tmp_path_factory.mktemp("ingested") / "cohort"
    for name in ("S01/walk", "S02/walk"):
        write_bvh(cohort / f"{name}.bvh")
    path = Path(f"s3://{bucket}/ingested")  # as a command line's --lake gives it: s3:/bucket/…
    return cohort, path, ingest(cohort, path, n_workers=1)


def test_rows_are_those_of_the_same_lake_on_a_disk(unchanged, tmp_path):
    local = Lake.create(tmp_path / "lake").path
    put(local, trial("S01", "walk", left_heel=heel(1)), subjects=[{"subject": "S01", "group": "control"}])
    put(local, trial("S02", "walk", left_heel=heel(2)))
    put(local, trial("S01", "run", left_heel=heel(3), right_heel=heel(4)))
    query = (
        "SELECT subject, trial, frame, time_s, left_heel.x AS x, right_heel.z AS z FROM landmarks "
        "ORDER BY subject, trial, frame"
    )
    there, here = unchanged.sql(query), open_lake(local).sql(query)
    assert there.equals(here)
    assert there.height == 120
    expected = heel(2)[:, 0]
    np.testing.assert_array_equal(there.filter(subject="S02")["x"].to_numpy(), expected)
    by_polars = unchanged.scan_landmarks().collect().sort("subject", "trial", "frame")
    assert by_polars["left_heel"].struct.field("x").equals(there["x"])
    assert unchanged.sql("SELECT * FROM joint_angles").height == 120
    assert unchanged.sql('SELECT "group" FROM subjects').to_series().to_list() == ["control"]


def test_a_subject_filter_opens_that_subjects_files_alone(unchanged, requests):
    unchanged.sql("SELECT 1")  # open everything that is opened once
    requests()
    unchanged.sql("SELECT sum(left_heel.x) FROM landmarks WHERE subject = 'S02'")
    got = [g.replace("%3D", "=") for g in requests() if "/landmarks/" in g]
    assert got
    assert all("subject=S02" in g for g in got), got
    unchanged.sql("SELECT count(left_hip_flexion_rel_deg) FROM joint_angles WHERE subject = $s", {"s": "S01"})
    got = {g.replace("%3D", "=") for g in requests() if "/landmarks/" in g}
    assert got
    assert all("subject=S01" in g for g in got), got


def test_filter_and_columns_are_in_the_plan(unchanged):
    if unchanged.connect_tables().sql("SELECT 1 FROM duckdb_extensions() WHERE extension_name = 'httpfs' AND loaded"):
        pytest.skip("DuckDB reads S3 by itself here")
    plan = (
        unchanged.connect_tables()
        .sql("EXPLAIN SELECT sum(left_heel.x) FROM landmarks WHERE subject = 'S02'")
        .fetchall()
    )
    text = plan[0][1]
    assert "subject" in text.split("Filters:")[1].split("\n")[0]
    assert "right_heel" not in text


def test_replaced_trial_and_older_version(lake):
    before = lake.version
    put(lake.path, trial("S01", "walk", left_heel=heel(9)))
    now = open_lake(lake.path)
    query = "SELECT left_heel.x AS x FROM landmarks WHERE subject = 'S01' AND trial = 'walk' ORDER BY frame"
    np.testing.assert_array_equal(now.sql(query)["x"].to_numpy(), heel(9)[:, 0])
    np.testing.assert_array_equal(open_lake(lake.path, before).sql(query)["x"].to_numpy(), heel(1)[:, 0])


def test_compact_vacuum_and_sweep(lake):
    query = "SELECT subject, trial, frame, left_heel.y AS y FROM landmarks ORDER BY ALL"
    put(lake.path, trial("S02", "walk", left_heel=heel(7)))
    rows = open_lake(lake.path).sql(query)
    stage(lake.path, [trial("S03", "left_behind", left_heel=heel(5))])
    done = compact(lake.path, safe_age_s=-60)
    assert done.n_files_after < done.n_files_before
    assert done.n_rows_dropped == 40
    assert done.n_files_swept == 1
    compacted = open_lake(lake.path)
    assert not compacted.table_state("landmarks").is_dirty
    assert compacted.sql(query).equals(rows)
    vacuum(lake.path, safe_age_s=-60)
    assert open_lake(lake.path).sql(query).equals(rows)
    with pytest.raises(VanishedVersionError):
        open_lake(lake.path, lake.version)
    assert sweep(lake.path, safe_age_s=-60) == 0


def test_erase_leaves_no_byte(lake):
    from neurostore.storage.s3 import client, split
    from neurostore.upkeep.erase import erase

    name = "PERSON7"
    put(lake.path, trial(name, "walk", left_heel=heel(8)), subjects=[{"subject": name}])
    storage.write_whole(storage.join(lake.path, "notes.txt"), name.encode())
    rows = open_lake(lake.path).sql("SELECT * FROM landmarks WHERE subject <> $s ORDER BY ALL", {"s": name})
    receipt = erase(lake.path, name)
    assert (receipt.n_trials, receipt.n_other_files) == (1, 0)
    assert receipt.remaining == ["notes.txt holds data of the person"]  # a stranger's file is named, never deleted
    storage.delete([storage.join(lake.path, "notes.txt")])
    left = storage.list_files(lake.path, logs=True)
    assert [f.path for f in left if name in f.path] == []
    assert [f.path for f in left if name.encode() in storage.read_bytes(storage.join(lake.path, f.path))] == []
    assert open_lake(lake.path).sql("SELECT * FROM landmarks ORDER BY ALL").equals(rows)
    versions = {"Bucket": split(lake.path)[0], "VersioningConfiguration": {"Status": "Enabled"}}
    client().put_bucket_versioning(**versions)
    try:
        with pytest.raises(LakeError, match="keeps versions"):
            erase(lake.path, "S01")
    finally:
        versions["VersioningConfiguration"] = {"Status": "Suspended"}
        client().put_bucket_versioning(**versions)


def change(lake, path: str, at: int = 40) -> None:
    """Flip bits of one byte of an object."""
    content = bytearray(storage.read_bytes(storage.join(lake.path, path)))
    content[at] ^= 0x10
    storage.write_whole(storage.join(lake.path, path), bytes(content))


@pytest.mark.slow
def test_verify_finds_a_flip_in_every_kind_of_object_and_names_its_trials(lake):
    from neurostore.upkeep.verify import verify

    assert verify(lake.path).is_clean
    paths = [f.path for f in storage.list_files(lake.path, logs=True) if "commit.lock" not in f.path]

    def kind(path: str) -> tuple[str, str]:
        """The tables have the same kinds of objects: one of each is enough."""
        top = path.partition("/")[0]
        return (top if top.startswith("_") else "a table", Path(path).suffix)

    one_of_each = {kind(path): path for path in paths}
    assert {("a table", ".json"), ("a table", ".parquet")} < one_of_each.keys()
    for path in one_of_each.values():
        change(lake, path)
        assert path in [d.path for d in verify(lake.path).damaged], path
        change(lake, path)
    assert verify(lake.path).is_clean
    (data,) = [p for p in paths if "landmarks/subject=S02" in p]
    change(lake, data)
    (damage,) = verify(lake.path).damaged
    assert (damage.path, damage.trials) == (data, (("S02", "", "walk"),))


@pytest.mark.slow
def test_damage_is_dropped_or_put_back_and_repaired(bucket, ingested):
    from neurostore.ingest.pipeline import ingest
    from neurostore.lake import hashes
    from neurostore.upkeep.repair import drop_damaged
    from neurostore.upkeep.verify import adopt, verify

    cohort, path, _ = ingested
    root = copied(storage.resolve(path), bucket)
    lake = open_lake(root)
    query = "SELECT * EXCLUDE (ingest_id) FROM landmarks ORDER BY ALL"
    before = lake.sql(query)
    log = "trials/_delta_log/00000000000000000001.json"
    change(lake, log)
    done = drop_damaged(root)
    assert (done.trials, done.files, done.restored) == ((), (), (log,))
    (data,) = [f.path for f in storage.list_files(root) if "landmarks/subject=S02" in f.path]
    change(lake, data)
    done = drop_damaged(root)
    assert (done.trials, done.files) == ((("S02", "", "walk"),), (data,))
    assert open_lake(root).sql("SELECT DISTINCT subject FROM landmarks")["subject"].to_list() == ["S01"]
    assert ingest(cohort, root, n_workers=1).added == [("S02", "", "walk")]
    assert open_lake(root).sql(query).equals(before)
    storage.delete([storage.join(root, hashes.FOLDER, f.path) for f in storage.list_files(f"{root}/{hashes.FOLDER}")])
    assert verify(root).unrecorded
    assert adopt(root)
    found = verify(root)
    assert found.is_clean
    assert not found.unrecorded


def test_migrate(lake):
    from neurostore.errors import NewerLakeError
    from neurostore.upkeep.migrate import Migration, migrate

    marker = storage.join(lake.path, "_neurostore", "lake.json")
    said = storage.read_json(marker)
    assert migrate(lake.path) == Migration(said["schema_version"], said["schema_version"], ())
    storage.write_json(marker, {**said, "schema_version": 0})
    assert open_lake(lake.path).sql("SELECT count(*) AS n FROM landmarks")["n"].to_list() == [120]
    assert migrate(lake.path).done
    assert storage.read_json(marker)["schema_version"] == said["schema_version"]
    storage.write_json(marker, {**said, "schema_version": 99})
    with pytest.raises(NewerLakeError):
        migrate(lake.path)


def test_ingest_skips_what_is_there(ingested):
    from neurostore.ingest.pipeline import ingest

    cohort, path, first = ingested
    assert len(first.added) == 2
    assert not first.failed
    again = ingest(cohort, path, n_workers=1)
    assert sorted(again.skipped) == sorted(first.added)
    assert open_lake(path).trials().height == len(first.added)


def test_a_commit_is_compare_and_swap(unchanged):
    """Whoever computed from an older version does not get in."""
    from deltalake import CommitProperties, Schema
    from deltalake.exceptions import CommitFailedError
    from deltalake.transaction import AddAction

    old = delta.open_table(unchanged.path, "trials", unchanged.version - 1)
    action = AddAction("none.parquet", 1, {}, 0, True, "{}")
    with pytest.raises(CommitFailedError):
        old.create_write_transaction(
            [action], "append", Schema.from_arrow(delta.schema_of(old)), [],
            commit_properties=CommitProperties(max_commit_retries=0),
        )  # fmt: skip
    assert open_lake(unchanged.path).version == unchanged.version


WRITER = """
import sys
import numpy as np
from neurostore.lake.commit import commit, stage
from tests.builders.lake_builder import trial
root, who = sys.argv[1:]
for k in range(3):
    heel = np.full((10, 3), float(k), np.float32)
    commit(root, [stage(root, [trial(who, f"walk{k}", left_heel=heel), trial("SHARED", f"{who}_{k}", left_heel=heel)])])
"""


def test_two_processes_lose_no_update(bucket):
    root = Lake.create(f"s3://{bucket}/two/lake").path
    home = ROOT
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, root, who], cwd=home, stderr=subprocess.PIPE)
        for who in ("A", "B")
    ]
    for writer in writers:
        _, said = writer.communicate(timeout=240)
        assert writer.returncode == 0, said.decode()
    lake = open_lake(root)
    assert lake.trials().height == 12
    assert lake.sql("SELECT count(*) AS n FROM landmarks")["n"].item() == 120


def test_lease_excludes_names_its_holder_and_outlives_a_death(bucket, monkeypatch):
    from neurostore.storage import s3

    root = f"s3://{bucket}/lease/lake"
    with storage.lock(root, "first") as was_abandoned:
        assert not was_abandoned
        with pytest.raises(ConflictError, match=r"first\) has locked"), storage.lock(root, "second", timeout_s=0.3):
            pass
    with pytest.raises(ValueError, match="half-way"), storage.lock(root, "third"):
        raise ValueError("half-way")
    with storage.lock(root, "fourth") as was_abandoned:
        assert was_abandoned
    storage.write_whole(f"{root}/_neurostore/commit.lock", json.dumps({"holder": "the dead", "token": "x"}).encode())
    with pytest.raises(ConflictError, match="the dead has locked"), storage.lock(root, "fifth", timeout_s=0.3):
        pass
    monkeypatch.setattr(s3, "LEASE_S", 1.0)
    time.sleep(2.1)
    with storage.lock(root, "sixth", timeout_s=5) as was_abandoned:
        assert was_abandoned


def test_a_lease_that_ran_out_is_reported(bucket):
    root = f"s3://{bucket}/slow/lake"
    with pytest.raises(ConflictError, match="ran out"), storage.lock(root, "slow"):
        storage.write_whole(f"{root}/_neurostore/commit.lock", b'{"holder": "", "token": "other"}')


def test_small_files_as_on_a_disk(bucket, tmp_path):
    for root in (f"s3://{bucket}/files", str(tmp_path / "files")):
        path = storage.join(root, "a", "b.json")
        assert storage.read_bytes(path) is None
        assert storage.size_of(path) == -1
        assert storage.digest(path) is None
        assert storage.write_whole(path, b"one", replace=False)
        assert not storage.write_whole(path, b"two", replace=False)
        assert storage.read_bytes(path) == b"one"
        assert storage.digest(path)[:2] == ("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed", 3)
        assert storage.exists(path)
        assert storage.exists(storage.join(root, "a"))
        assert not storage.exists(storage.join(root, "b"))
        assert [f.path for f in storage.list_files(root)] == ["a/b.json"]
        with heartbeat.running(root):
            assert heartbeat.running_since(root) <= time.time() + 60
        assert heartbeat.running_since(root) == float("inf")
        assert storage.delete([path]) == 1
        assert storage.list_files(root) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [("s3://Bucket_x/lake", "bucket name"), ("s3://bucket/a=b", "'='"), ("gs://bucket/lake", "other stores")],
)
def test_paths_that_cannot_be_lakes(given, said):
    with pytest.raises(LakeError, match=said):
        storage.resolve(given)


def test_what_is_not_there_is_named(bucket):
    assert storage.resolve(f"s3:/{bucket}//a/") == f"s3://{bucket}/a"
    with pytest.raises(NotALakeError, match="this folder does not exist"):
        open_lake(f"s3://{bucket}/nothing")
    with pytest.raises(LakeError, match="no such bucket"):
        open_lake("s3://nobody-made-this/lake")
    from neurostore.upkeep.copies import export_lake

    Lake.create(f"s3://{bucket}/there/lake")
    with pytest.raises(LakeError.__mro__[1], match="an export is written to a folder"):
        export_lake(f"s3://{bucket}/there/lake", f"s3://{bucket}/out")


def test_command_line(lake, tmp_path):
    """sql, history, verify and compact of a lake named by an URL."""

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "neurostore.cli", *arguments, "--lake", lake.path]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=200)
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = run("sql", "SELECT subject, count(*) AS n FROM landmarks GROUP BY ALL ORDER BY ALL", "--format", "csv")
    assert said == "subject,n\nS01,80\nS02,40\n"
    for command in ("compact", "verify"):
        done = cli_run.run(command, "--lake", lake.path)
        assert done.returncode == 0, done.stderr
    assert open_lake(lake.path).version > lake.version


def test_the_window_shows_the_lake_and_stores_a_decision(lake):
    if not all(map(find_spec, ("starlette", "uvicorn"))):
        pytest.skip("starlette and uvicorn are not installed")
    of = {"subject": "S01", "session": "", "trial": "walk"}
    note = {"action": "note", "reason": "seen", "review_id": "0123456789abcdef0123456789abcdef"}
    with running(lake.path, "--reviewer", "R1") as server:
        assert {(t["subject"], t["trial"]) for t in server.get("cohort")["trials"]} == {
            ("S01", "walk"),
            ("S01", "run"),
            ("S02", "walk"),
        }
        gait = server.get("gait", **of)
        status, answer, _ = server.ask("/api/decisions", {**of, "version": gait["version"], "decisions": [note]})
        assert status == 200, answer
    stored = open_lake(lake.path).sql("SELECT subject, trial, reviewer, reason FROM reviews")
    assert stored.rows() == [("S01", "walk", "R1", "seen")]


def test_locked_sql(unchanged):
    from neurostore.lake import locked

    found = locked.run(unchanged, "SELECT subject, count(*) AS n FROM landmarks GROUP BY ALL ORDER BY ALL")
    assert found.rows() == [("S01", 80), ("S02", 40)]
