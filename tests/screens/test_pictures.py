"""How the console looks: every screen and dialog in every state, at 80×24 and 120×40, with a fixed clock in UTC.

The rows are in `tests/screens/pictures`. After a change that is meant:
`pytest tests/screens/test_pictures.py --snapshot-update`, and look at each picture that changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.app import App
from textual.screen import Screen

from tests.screens.pictures.impossible import IMPOSSIBLE
from tests.screens.pictures.scene import BOTH, Scene, Size, State
from tests.screens.pictures.table import SCENES, screen_classes
from tests.screens.pictures.taking import Taken, take, take_once

PICTURES = [(scene, size) for scene in SCENES for size in scene.sizes]
NAMES = [f"{scene.title}-{columns}x{rows}" for scene, (columns, rows) in PICTURES]


@pytest.fixture(scope="module")
def taken(
    request: pytest.FixtureRequest, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Scene, Size], str]:
    """Takes a picture, and with it the others of the same stage that this run asks for: once for all its processes."""
    stages = list(dict.fromkeys(scene.stage for scene in SCENES))
    shared = None if worker_id == "master" else tmp_path_factory.getbasetemp().parent / "pictures"
    if shared is not None:
        shared.mkdir(exist_ok=True)
    asked = {
        scene
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == "test_picture"
        for scene in [item.callspec.params["scene"]]
    }
    kept: Taken = {}

    def of(scene: Scene, size: Size) -> str:
        if (scene, size) not in kept:
            wanted = [each for each in SCENES if each.stage is scene.stage and each in asked]
            file = None if shared is None else shared / f"{stages.index(scene.stage)}.json"
            kept.update(take(wanted) if file is None else take_once(wanted, file))
        picture = kept[scene, size]
        if isinstance(picture, BaseException):
            raise picture
        return picture

    return of


@pytest.mark.parametrize(("scene", "size"), PICTURES, ids=NAMES)
def test_picture(
    scene: Scene,
    size: Size,
    taken: Callable[[Scene, Size], str],
    snap_compare: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = taken(scene, size)
    # The plugin compares and reports; it would start an application for each picture.
    monkeypatch.setattr("textual._doc.take_svg_screenshot", lambda **_asked: picture)
    assert snap_compare(App())


@pytest.mark.parametrize("screen", sorted(screen_classes(), key=str))
def test_every_screen_has_a_picture_in_every_state_it_can_be_in(screen: type[Screen[Any]]) -> None:
    drawn = {scene.state for scene in SCENES if scene.screen is screen and scene.sizes[:2] == BOTH}
    impossible = set(IMPOSSIBLE.get(screen, {}))
    assert not drawn & impossible, "drawn all the same"
    missing = set(State) - drawn - impossible
    assert not missing, f"add a scene in tests/screens/pictures, or the reason in IMPOSSIBLE: {missing}"


def test_no_reason_is_left_of_a_screen_that_is_gone_and_no_two_pictures_have_one_name() -> None:
    assert set(IMPOSSIBLE) <= screen_classes()
    assert len(set(NAMES)) == len(NAMES)
