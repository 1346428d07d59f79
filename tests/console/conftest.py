"""A real Docker engine and a real systemd manager, each started once and only when a test asks for it; a signer."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.node.container_bench import Images, make_images
from tests.console.node.runtime.real_engine import NoEngine, RealEngine, static_program
from tests.console.node.runtime.real_systemd import NoManager, RealManager
from tests.real_machine import NoMachine, RealMachine

_OTHERS = {"shared_engine", "real_manager", "real_machine"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks for a real engine or manager is a test of a peer."""
    for item in items:
        if isinstance(item, pytest.Function) and not _OTHERS.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.peer)


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[RealEngine]:
    """A Docker engine of this session."""
    # A socket's path has at most 107 bytes, and pytest's folders are long.
    engine = RealEngine(Path(tempfile.mkdtemp(prefix="uc-", dir="/tmp")))
    try:
        engine.start()
        yield engine
    except NoEngine as error:
        pytest.skip(f"no Docker engine: {error}")
    finally:
        engine.end()


@pytest.fixture(scope="session")
def static_node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static executable that plays a node in an image."""
    try:
        return static_program(tmp_path_factory.mktemp("program"))
    except NoEngine as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def node_images(shared_engine: RealEngine, static_node: Path) -> Images:
    """Images of an old release, a new one, and one that ends at once."""
    return make_images(shared_engine, static_node)


@pytest.fixture(scope="session")
def real_manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealManager]:
    """A systemd manager of this session."""
    manager = RealManager(tmp_path_factory.mktemp("systemd"))
    try:
        manager.start()
        yield manager
    except NoManager as error:
        pytest.skip(f"no systemd: {error}")
    finally:
        manager.end()


@pytest.fixture(scope="session")
def real_machine() -> Iterator[RealMachine]:
    """A machine of this session with a systemd and a journald of its own."""
    machine = RealMachine(Path(tempfile.mkdtemp(prefix="uc-", dir="/tmp")))
    try:
        machine.start()
        yield machine
    except NoMachine as error:
        pytest.skip(f"no systemd of our own: {error}")
    finally:
        machine.end()
        shutil.rmtree(machine.folder)


@pytest.fixture
def signer_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every signature of the test is made in this process. Only for keys that no passphrase guards."""
    from console.chain import signing
    from tests.console.chain import signer_here

    monkeypatch.setattr(signing, "_start", signer_here.start)
