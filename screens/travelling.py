"""Time travel and replay: the views over a moment of then, while the session itself goes on (DESIGN §9)."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual.timer import Timer

from console.errors import ConsoleError
from console.model import Course
from screens.acting import ActingApp
from widgets.working import begin

if TYPE_CHECKING:
    from console.model import Moment, Scene
    from console.ports.session import Timeline

SPEEDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds of then in a second of now."""
_FRAME_S = 0.1
"""Seconds between two looks at what is due while it runs."""


class TravellingApp(ActingApp):
    """The console with its keys through time. What is shown is `snapshot`, `now` and `log_lines`, of whatever time."""

    speed: float = 1.0
    """Seconds of then in a second of now, while it runs."""

    live_course: Course = Course()
    """What this session saw so far, whatever is shown."""

    _wanted: int = 0
    """Number of the moment that was asked for last: several keys may come before it is shown."""
    _run_timer: Timer | None = None
    _due: float = 0.0
    """Unix seconds of then up to which it ran."""
    _looked: float = 0.0
    """Seconds of the loop's clock at the last look."""

    @abstractmethod
    def timeline(self) -> Timeline | None:
        """What can be looked back at; None before anything was seen."""

    @abstractmethod
    def show_present(self) -> None:
        """Draw what is known now."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The way back to the present is no key for whoever types."""
        if action == "travel_live" and self.focused is not None:
            from textual.widgets import Input

            if isinstance(self.focused, Input):
                return False
        return super().check_action(action, parameters)

    def on_mount(self) -> None:
        recording = self.session.recording
        if recording is not None and recording.first is not None:
            from widgets.travel_line import Past

            # Its first frame already looks like no present.
            self.past = Past(recording.first.time, 0, len(recording), held=True, speed=self.speed, replay=True)

    # Keys

    def action_travel_hold(self) -> None:
        """Hold the picture still; held already, let it run on from there."""
        timeline = self.timeline()
        if timeline is None or timeline.last is None:
            return
        if self.past is None:
            self._go(timeline, timeline.last)
        elif self._run_timer is None:
            self.run_on()
        else:
            self._hold()

    def action_travel_back(self) -> None:
        """One Snapshot back."""
        self._step(forward=False, event=False)

    def action_travel_forward(self) -> None:
        """One Snapshot on."""
        self._step(forward=True, event=False)

    def action_travel_previous(self) -> None:
        """Back to the change of state before."""
        self._step(forward=False, event=True)

    def action_travel_next(self) -> None:
        """On to the next change of state."""
        self._step(forward=True, event=True)

    def action_travel_slower(self) -> None:
        """Half as fast, or so."""
        self._set_speed(max((each for each in SPEEDS if each < self.speed), default=SPEEDS[0]))

    def action_travel_faster(self) -> None:
        """Twice as fast, or so."""
        self._set_speed(min((each for each in SPEEDS if each > self.speed), default=SPEEDS[-1]))

    def action_travel_live(self) -> None:
        """To the present; of a recording, to its end."""
        timeline = self.timeline()
        self._hold()
        if self.session.recording is None:
            self._wanted = 0
            self.past = None
            self.show_present()
        elif timeline is not None and timeline.last is not None:
            self._go(timeline, timeline.last)

    # Moving

    def run_on(self) -> None:
        """Let it run from where it is, or from the beginning."""
        timeline = self.timeline()
        moment = timeline.first if timeline is not None else None
        if timeline is None or moment is None:
            return
        if self._wanted == 0:
            self._go(timeline, moment)
        elif (here := timeline.before(self._wanted + 1)) is not None:
            moment = here
        self._due, self._looked = moment.time, asyncio.get_running_loop().time()
        if self._run_timer is None:
            self._run_timer = self.set_interval(_FRAME_S, self._advance, name="run through time")
        self._tell_how()

    def _advance(self) -> None:
        timeline, now = self.timeline(), asyncio.get_running_loop().time()
        self._due += (now - self._looked) * self.speed
        self._looked = now
        if timeline is None:
            return
        due: Moment | None = None
        following = timeline.after(self._wanted)
        while following is not None and following.time <= self._due:
            due, following = following, timeline.after(following.number)
        if due is not None:
            self._go(timeline, due)
        if following is None:
            if self.session.recording is None:
                self.action_travel_live()
            else:
                self._hold()

    def _step(self, *, forward: bool, event: bool) -> None:
        timeline = self.timeline()
        if timeline is None or timeline.last is None:
            return
        self._hold()
        # From the present, one step back is what was there before the newest.
        here = self._wanted or timeline.last.number
        moment = timeline.after(here, event=event) if forward else timeline.before(here, event=event)
        if moment is not None:
            self._go(timeline, moment)
        elif forward and self.past is not None:
            self.action_travel_live()
        else:
            self.tell("There is nothing before this.")

    def _hold(self) -> None:
        if self._run_timer is not None:
            self._run_timer.stop()
            self._run_timer = None
            self._tell_how()

    def _set_speed(self, speed: float) -> None:
        self.speed = speed
        self._tell_how()

    def _tell_how(self) -> None:
        if self.past is not None:
            self.past = replace(self.past, held=self._run_timer is None, speed=self.speed)

    def _go(self, timeline: Timeline, moment: Moment) -> None:
        self._wanted = moment.number
        begin(self, partial(self._show, timeline, moment), name="a moment")

    async def _show(self, timeline: Timeline, moment: Moment) -> None:
        try:
            scene = await asyncio.to_thread(timeline.scene, moment.number)
        except ConsoleError as error:
            self._hold()
            self.tell(str(error), severity="error")
            return
        # A later key takes the place of one that is not shown yet.
        if self._wanted == moment.number:
            self.show_scene(scene, timeline)

    def show_scene(self, scene: Scene, timeline: Timeline) -> None:
        """Draw what was known at a moment."""
        from widgets.travel_line import Past

        replayed = self.session.recording is not None
        self.past = Past(
            time=scene.moment.time,
            place=timeline.place(scene.moment.number),
            total=len(timeline),
            held=self._run_timer is None,
            speed=self.speed,
            replay=replayed,
            ago_s=None if replayed else max(0.0, self.live_now - scene.moment.time),
            alarm=self._alarm(),
            inside=scene.inside,
        )
        self.course = self._course_at(scene, replayed=replayed)
        self.now = scene.moment.time
        self.snapshot = scene.snapshot
        self.log_lines = scene.lines

    def _course_at(self, scene: Scene, *, replayed: bool) -> Course:
        if not replayed:
            return self.live_course.until(scene.moment.time)
        # Of a recording nothing is known but what was shown of it; going back in it adds nothing.
        shown = self.course.until(scene.moment.time)
        return shown.after(self.snapshot, scene.snapshot) if scene.moment.time >= self.now else shown

    def tell_present(self) -> None:
        """The present went on: say by how much, and whether somebody is called."""
        if self.past is not None and not self.past.replay:
            timeline = self.timeline()
            total = self.past.total if timeline is None else len(timeline)
            ago_s = max(0.0, self.live_now - self.past.time)
            self.past = replace(self.past, ago_s=float(int(ago_s)), total=total, alarm=self._alarm())

    def _alarm(self) -> str:
        node = self.live.node if self.live is not None else None
        return f"{node.name} needs you" if node is not None and node.alarm else ""
