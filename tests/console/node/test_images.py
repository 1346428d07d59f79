"""Images by their digest: what names one, and what is tried with it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import NodeError
from console.node.generation import Generations
from console.node.image_reference import ImageReference, parse_image, parse_repository, read_image
from console.node.images import ImageContents, given_image, pinned_reference
from console.node.runtime.containers import Containers, Service
from console.node.runtime.engine import Engine
from console.node.runtime.engine_images import TRY_LABEL, find_image, try_image
from console.node.runtimes import container_environments
from tests.console.node.container_bench import ContainerBench, Images
from tests.console.node.runtime.real_engine import RealEngine

SHA = "ab" * 32


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"sha256:{SHA}", ""),
        (f" sha256:{SHA}\n", ""),
        (f"ghcr.io/consensus-shipyard/fendermint@sha256:{SHA}", "ghcr.io/consensus-shipyard/fendermint"),
        (f"docker://127.0.0.1:5000/fendermint:v2@sha256:{SHA}", "127.0.0.1:5000/fendermint"),
        (f"oci://fendermint@sha256:{SHA}", "fendermint"),
    ],
)
def test_an_image_is_named_by_its_digest(text: str, name: str) -> None:
    assert parse_image(text) == ImageReference(SHA, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fendermint:latest",
        SHA,
        f"sha256:{SHA[:-1]}",
        f"sha256:{SHA.upper()}",
        f"sha512:{SHA}",
        f"https://example/x@sha256:{SHA}",
        f"-x@sha256:{SHA}",
        f"a@sha256:{SHA}\nb@sha256:{SHA}",
        f"../x@sha256:{SHA}",
    ],
)
def test_anything_else_names_none(text: str) -> None:
    assert parse_image(text) is None


def test_a_repository_is_what_can_be_pulled_from() -> None:
    assert parse_repository("docker://ghcr.io/x/fendermint:v2") == "ghcr.io/x/fendermint"
    assert parse_repository("localhost:5000/fendermint") == "localhost:5000/fendermint"
    assert parse_repository("https://example/fendermint.tar.gz") == ""
    assert parse_repository("") == ""


@given(st.text(max_size=120) | st.from_regex(r"[a-z0-9./:@-]{0,80}(@?sha256:[0-9a-f]{60,66})?", fullmatch=True))
def test_whatever_is_parsed_is_written_and_read_again(text: str) -> None:
    found = parse_image(text)
    if found is not None:
        assert parse_image(str(found)) == found
        assert parse_repository(str(found)) == found.name
    name = parse_repository(text)
    assert not name or parse_image(f"{name}@sha256:{SHA}") == ImageReference(SHA, name)


def test_a_file_that_names_no_image_is_said(tmp_path: Path) -> None:
    file = tmp_path / "fendermint"
    for content in (b"", b"\x7fELF", b"fendermint:latest\n", b"sha256:" + b"a" * 9000):
        file.write_bytes(content)
        with pytest.raises(NodeError, match="names no image by its digest"):
            read_image(file)


@pytest.fixture
def engine(shared_engine: RealEngine) -> Engine:
    return Engine(shared_engine.socket)


def test_an_image_that_is_gone_is_not_staged_any_more(
    engine: Engine, shared_engine: RealEngine, node_images: Images, static_node: Path, tmp_path: Path
) -> None:
    doomed = shared_engine.image(static_node, ['ENTRYPOINT ["/node"]', "ENV RELEASE=doomed"])
    root = tmp_path / "cosmovisor"
    for folder, sha256 in ((root / "genesis", node_images.old), (root / "upgrades" / "v2", doomed)):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "fendermint").write_text(f"sha256:{sha256}\n")
    (root / "current").symlink_to("genesis")
    generations = Generations(tmp_path, "fendermint", contents=ImageContents(engine))
    assert generations.current().sha256 == node_images.old
    assert generations.staged("v2", doomed) is not None
    assert generations.staged("v2", node_images.new) is None
    shared_engine.run("image", "rm", doomed)
    assert generations.staged("v2", doomed) is None


def tried(
    engine: Engine, sha256: str, *words: str, settings: Mapping[str, object] | None = None, deadline_s: float = 30.0
) -> subprocess.CompletedProcess[str]:
    image = find_image(engine, sha256)
    assert image is not None
    arguments: Sequence[str] = words
    return try_image(
        engine,
        image,
        arguments,
        settings=settings or {},
        environment={"FM_HALT_HEIGHT": "42"},
        home="/home/of/nobody",
        deadline_s=deadline_s,
    )


def test_an_image_is_tried_with_the_controllers_variables_and_leaves_nothing(
    engine: Engine, shared_engine: RealEngine, node_images: Images
) -> None:
    assert tried(engine, node_images.old, "--version").stdout == "noded v0.1.5\n"
    # Also where the image itself says another one.
    assert tried(engine, node_images.new, "config", "display").stdout == "halt_height = 42\n"
    failed = tried(engine, node_images.failing)
    assert (failed.returncode, "release v0.2.1" in failed.stderr) == (1, True)
    with pytest.raises(NodeError, match=r"did not end within 0 s"):
        tried(engine, node_images.old, "serve", deadline_s=0.3)
    assert shared_engine.run("ps", "-aq", "--filter", f"label={TRY_LABEL}").stdout == ""


def test_a_program_that_stands_in_the_command_is_asked_too(
    engine: Engine, shared_engine: RealEngine, static_node: Path
) -> None:
    plain = shared_engine.image(static_node, ['CMD ["/node", "serve"]', "ENV RELEASE=plain"])
    assert tried(engine, plain, "--version").stdout == "noded plain\n"
    nothing = shared_engine.image(static_node, ["ENV RELEASE=plain"])
    with pytest.raises(NodeError, match="names no program"):
        tried(engine, nothing, "--version")
    assert tried(engine, nothing, "--version", settings={"Entrypoint": ["/node"]}).stdout == "noded plain\n"


def test_what_a_killed_try_left_is_removed_by_the_next(
    engine: Engine, shared_engine: RealEngine, node_images: Images
) -> None:
    labels = ("--label", f"{TRY_LABEL}=/home/of/nobody", "--label", "upgrade-console.tried-by=1 1")
    left = shared_engine.run("create", "--network", "none", *labels, node_images.old).stdout.strip()
    assert tried(engine, node_images.old, "--version").returncode == 0
    assert left not in shared_engine.run("ps", "-aq", "--no-trunc").stdout


def test_what_an_operator_names_is_pinned(
    engine: Engine,
    shared_engine: RealEngine,
    node_images: Images,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared_engine.run("tag", node_images.new, "fendermint:v2")
    try:
        assert pinned_reference("fendermint:v2", engine) == ImageReference(node_images.new)
        assert pinned_reference(node_images.new[:12], engine) == ImageReference(node_images.new)
        with pytest.raises(NodeError, match="nothing is pulled by a tag"):
            pinned_reference("fendermint:v3", engine)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{shared_engine.socket}")
        bench = ContainerBench(tmp_path, shared_engine, node_images)
        file = given_image(bench.node, "fendermint:v2", engine)
        assert file.read_text() == f"sha256:{node_images.new}\n"
        assert given_image(bench.node, str(bench.given), engine) == bench.given
        # By digest nobody is asked: this engine is nowhere.
        away = Engine(str(tmp_path / "nowhere"))
        assert given_image(bench.node, f"sha256:{SHA}", away).read_text() == f"sha256:{SHA}\n"
        with pytest.raises(NodeError, match="does not answer"):
            given_image(bench.node, "fendermint:v2", away)
        environments = container_environments(bench.node)
        assert environments[-1].where == "container val-fendermint"
        assert environments[-1].values["FM_DATA_DIR"] == "/data/fendermint/data"
    finally:
        # The tag stays: with its last tag an image goes.
        shared_engine.remove_containers()


def test_data_is_looked_for_where_rollback_points_are_taken(
    engine: Engine, shared_engine: RealEngine, node_images: Images, tmp_path: Path
) -> None:
    containers = Containers(engine, tmp_path, (Service("app", "val-app"),), frozenset())
    wanted = [("app", tmp_path / "fendermint" / "data")]
    cases: tuple[tuple[tuple[str, ...], str], ...] = (
        (("-v", f"{tmp_path}:/data", "-e", "FM_DATA_DIR=/data/fendermint/data"), ""),
        (("-v", f"{tmp_path / 'fendermint'}:/fm", "-e", "FM_DATA_DIR=/fm/data"), ""),
        (("-v", f"{tmp_path}:/data"), ""),
        (("-v", f"{tmp_path}:/data", "-e", "FM_DATA_DIR=/data/other"), "keeps its data in .*other and not in"),
        (("-v", f"{tmp_path}:/data", "-e", "FM_DATA_DIR=/var/lib/fm"), "in itself, and would lose it"),
        (("-v", "/data"), "has nothing of"),
    )
    for options, words in cases:
        shared_engine.run("create", "--name", "val-app", "--network", "none", *options, node_images.old)
        try:
            if words:
                with pytest.raises(NodeError, match=words):
                    containers.check_data(wanted)
            else:
                containers.check_data(wanted)
        finally:
            shared_engine.run("rm", "-v", "val-app")


def test_ports_are_those_of_this_machine(
    engine: Engine, shared_engine: RealEngine, node_images: Images, tmp_path: Path
) -> None:
    containers = Containers(engine, tmp_path, (Service("app", "val-app"), Service("eth", "val-eth")), frozenset())
    ports = ("-p", "127.0.0.1:36657:26657", "-p", "36656:26656/udp", "-p", "127.0.0.1::9184")
    shared_engine.run("network", "create", "ports")
    shared_engine.run("create", "--name", "val-app", "--network", "ports", *ports, node_images.old)
    try:
        assert containers.host_ports() == ((36657,), False)
        shared_engine.run("create", "--name", "val-eth", "--network", "host", node_images.old)
        assert containers.host_ports() == ((36657,), True)
    finally:
        shared_engine.remove_containers()
        shared_engine.run("network", "rm", "ports")
