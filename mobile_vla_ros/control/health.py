"""What the drive node tells of itself: counts and rates in, words and remedies out. No ROS."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import NS
from mobile_vla_ros.control.obstacle import ObstacleMonitor
from mobile_vla_ros.control.reasons import Reason
from mobile_vla_ros.control.status import (ERROR, OK, PilotState, Publisher, Status, WARN,
                                           Words)
from mobile_vla_ros.environment.transport import PROFILE_VARIABLE
from mobile_vla_ros.images.tally import Tally

SILENT_NS = NS  # a publisher that is seen this long without a frame is a fault
FROZEN_NS = 8 * NS // 10
CLOCK_NS = NS  # frames this far from the node's clock are warned of
DAY_NS = 86_400 * NS
EPOCH_NS = 365 * DAY_NS  # frames this far from it count from another start
CALM = (Reason.DISARMED, Reason.NO_INSTRUCTION, Reason.STARTING, Reason.RECOVERING,
        Reason.REPLANNING, Reason.INACTIVE, Reason.OBSTACLE)
SEGMENT = (f'large frames need a larger shared-memory segment: set {PROFILE_VARIABLE} to '
           'config/fastdds_shm.xml for every process, or use image_transport:=compressed')
UNSTAMPED = ('frames are not stamped (header.stamp is 0): the time of their receipt is taken, so '
             'what the camera itself takes is not reckoned with; let its driver stamp them')


class Health:
    """Collects while the node runs; `statuses` says it."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.frames_ns: deque[int] = deque(maxlen=40)  # receive times, accepted or not
        self.accepted = 0
        self.replaced = 0  # of these, by newer ones before they were planned for
        self.rejected: Counter[str] = Counter()  # frames that were not used, by kind
        self.rejection = ''  # why the last of them was not
        self.tally = Tally()  # of the pictures that the policy was to see
        self.failed_plans = 0
        self.display_error = ''  # of showing the last plan to others
        self.display_errors = 0
        self.diagnostics_failed = 0  # how often they could not be published
        self.inference_ms: deque[float] = deque(maxlen=200)
        self.latency_ms: deque[float] = deque(maxlen=200)  # frame received -> command published
        self.clock_offset_ns: int | None = 0  # None: not stamped
        self.frozen = False
        self.publishers: Sequence[Publisher] = []  # of the image topic
        self.seen_ns: int | None = None  # since when there is any
        self.rivals: Sequence[str] = []  # other publishers on cmd_vel
        # Topic: QoS policy. Replaced as a whole, because other threads read it.
        self.mismatches: dict[str, str] = {}
        self._fitting: set[str] = set()  # topics of these where no peer misfits any more
        self._silence: Words | None = None  # what is wrong with a camera that sends nothing
        self.scans_ns: deque[int] = deque(maxlen=100)  # receive times
        self.scans_rejected = 0
        self.scan_rejection = ''  # of the newest scan
        self._picture: int | None = None  # a digest of the newest one
        self._picture_ns = 0  # since when it is that one

    def note_frame(self, now_ns: int, clock_offset_ns: int | None, accepted: bool) -> None:
        """
        Take note of a frame that came in.

        :param clock_offset_ns: how far its stamp is ahead of the clock; None: it has none.
        """
        self.frames_ns.append(now_ns)
        self.clock_offset_ns = clock_offset_ns
        self.accepted += accepted
        if not accepted:
            self.note_rejection('stamp', 'the stamp is not newer than that of the frame before')

    def note_rejection(self, kind: str, text: str) -> None:
        """Count a frame that was not used."""
        self.rejected[kind] += 1
        self.rejection = text

    def note_display(self, error: str) -> bool:
        """Take note of how showing a plan to others went, '' if well; True if that is news."""
        news = bool(error) != bool(self.display_error)
        self.display_error = error
        self.display_errors += bool(error)
        return news

    def note_unreadable(self, msg: Any, error: Exception, text: str) -> None:
        """Count a picture that the policy could not be shown."""
        self.tally.count(msg, error)
        self.note_rejection(getattr(error, 'kind', 'codec'), f'{self.tally.words}; {text}')

    def note_scan(self, now_ns: int) -> None:
        """Take note of a scan that came in."""
        self.scans_ns.append(now_ns)
        self.scan_rejection = ''

    def note_bad_scan(self, text: str) -> None:
        """Count a scan that makes no sense."""
        self.scans_rejected += 1
        self.scan_rejection = text

    def note_picture(self, rgb: npt.NDArray[np.uint8], now_ns: int) -> bool:
        """Take note of what a frame shows; True if the camera repeats one image for long."""
        picture = hash(rgb[::8, ::8].tobytes())
        if picture != self._picture:
            self._picture, self._picture_ns = picture, now_ns
        self.frozen = now_ns - self._picture_ns >= FROZEN_NS
        return self.frozen

    def note_graph(self, publishers: Sequence[Publisher], rivals: Sequence[str],
                   now_ns: int) -> None:
        """Take note of who publishes images, and who else commands."""
        self.publishers, self.rivals = publishers, rivals
        self.seen_ns = (self.seen_ns or now_ns) if publishers else None

    def note_mismatch(self, topic: str, policy: str) -> None:
        """Take note of a peer whose QoS does not fit."""
        self._fitting.discard(topic)
        self.mismatches = {**self.mismatches, topic: policy}

    def forget_mismatches(self, topics: Iterable[str]) -> bool:
        """
        Forget the mismatches on topics that fit; True if there were any.

        They must fit twice in a row: the graph may hear of a peer later than its event comes.
        """
        gone, self._fitting = self._fitting & set(topics), set(topics)
        self.mismatches = {topic: policy for topic, policy in self.mismatches.items()
                           if topic not in gone}
        return bool(gone)

    def note_silence(self, topic: str, image_type: str, now_ns: int) -> bool:
        """Take note of whether frames come; True if there is news of why none does."""
        before, self._silence = self._silence, (
            self._silent(topic, image_type, now_ns) if self._age_ns(now_ns) > SILENT_NS else None)
        return self._silence != before

    def statuses(self, state: PilotState) -> list[Status]:
        """Return the statuses of the node: control, camera, policy, scan if there is one."""
        guard, now_ns, name = state.guard, state.now_ns, state.node
        statuses = [
            Status(f'{name}: control', *self._control(state), {
                'state': 'active' if state.active else 'inactive', 'reason': state.reason.name,
                'camera to command, ms': f'{1e3 * guard.age.seconds:.0f}',
                'speed cap by that, m/s': f'{guard.cap:.2f}',
                'latency_ms_p50_p99': _quantiles(self.latency_ms),
                'other publishers on cmd_vel': ', '.join(self.rivals) or 'none'}),
            Status(f'{name}: camera', *self._camera(state), {
                'rate_hz': f'{_rate(self.frames_ns, now_ns):.1f}', 'age_ms': self._age_ms(now_ns),
                'accepted': self.accepted, 'replaced by newer ones': self.replaced,
                **{f'rejected: {kind}': count for kind, count in self.rejected.items()},
                'last rejection': self.rejection or 'none',
                'pictures': self._pictures() or f'{self.tally.frames} read',
                'stamp minus clock, s': self._offset(),
                'publishers': ', '.join(node for node, _ in self.publishers) or 'none'}),
            Status(f'{name}: policy', *self._policy(state.error), {
                **state.policy, 'failed plans': self.failed_plans,
                'plans not shown': self.display_errors,
                'diagnostics not told': self.diagnostics_failed,
                'inference_ms_p50_p99': _quantiles(self.inference_ms)})]
        if guard.obstacles:
            hz = _rate(self.scans_ns, now_ns)
            words = self._scan(hz, state.active, guard.obstacles, now_ns)
            statuses.append(Status(f'{name}: scan', *words, {
                'rate_hz': f'{hz:.1f}', 'rejected': self.scans_rejected,
                'free way ahead, m': f'{guard.obstacles.way_m:.2f}'}))
        return statuses

    def _scan(self, hz: float, active: bool, obstacles: ObstacleMonitor, now_ns: int) -> Words:
        if not active:
            return OK, 'not looked at while inactive'
        if self.scan_rejection:
            return ERROR, self.scan_rejection
        if obstacles.watchdog.expired(now_ns):
            return ERROR, 'no scan comes: start the scanner, or remap scan to its topic'
        return OK, f'{hz:.1f} Hz'

    def _policy(self, error: str) -> Words:
        if error:
            return ERROR, error
        if self.display_error:
            return ERROR, (f'plans are driven by but not shown ({self.display_error}), '
                           f'{self.display_errors} so '
                           'far: start the node without annotate and publish_plan, or mend that')
        return OK, 'no failure'

    def _control(self, state: PilotState) -> Words:
        reason, error, slowed = state.reason, state.error, state.guard.slowed
        if reason is Reason.DRIVING:
            level, words = OK, f'{reason.text}, {slowed}' if slowed else reason.text
        else:
            level = WARN if reason in CALM else ERROR
            cause = f' ({error})' if error and reason in (Reason.FAULT, Reason.FAILING) else ''
            words = f'STOP: {reason.text}{cause}; {reason.way_out}'
        if self.rivals and reason is not Reason.CONTENDED:
            level = ERROR
            words += f'; another publisher on cmd_vel: {", ".join(self.rivals)}'
        for topic, policy in self.mismatches.items():
            level = ERROR
            words += f'; QoS {policy} of a peer on {topic} does not match, give both the same'
        return level, words

    def _camera(self, state: PilotState) -> Words:
        if not state.active:
            return OK, 'not looked at while inactive'
        age_ns = self._age_ns(state.now_ns)
        if age_ns > SILENT_NS:
            return self._silent(state.topic, state.image_type, state.now_ns)
        if self.frozen:
            return WARN, 'the camera repeats one image'
        if clock := self._clock():
            return WARN, clock
        if self.rejected and self.rejection:
            text, self.rejection = self.rejection, ''
            return WARN, text
        return OK, f'{_rate(self.frames_ns, state.now_ns):.1f} Hz, {age_ns / 1e6:.0f} ms old'

    def _pictures(self) -> str:
        return '; '.join(filter(None, (self.tally.words, self.tally.assumption)))

    def _clock(self) -> str:
        """Return in words what is odd about the stamps' clock, '' if nothing."""
        ns = self.clock_offset_ns
        if ns is None:
            return UNSTAMPED
        if abs(ns) <= CLOCK_NS:
            return ''
        if abs(ns) <= EPOCH_NS:
            return (f'stamps are {ns / NS:+.1f} s off this clock: set the '
                    "camera's clock, or use_sim_time where the stamps are simulated")
        days, where = abs(ns) // DAY_NS, 'behind' if ns < 0 else 'ahead of'
        remedy = 'they count from a start or simulated: let the driver stamp by the system ' \
            'clock, or set use_sim_time where time is simulated' if ns < 0 else \
            'use_sim_time is set without a /clock, or they are not simulated: unset it'
        return (f'stamps are {days} days {where} this clock, by the time of receipt frames are '
                f'driven by: {remedy}')

    def _offset(self) -> str:
        ns = self.clock_offset_ns
        return 'not stamped' if ns is None else f'{ns / NS:.3f}' if abs(ns) <= EPOCH_NS else \
            'of another epoch'

    def _silent(self, topic: str, image_type: str, now_ns: int) -> Words:
        if not self.publishers:
            return ERROR, (f'nobody publishes {topic}: start the camera, or remap image to its '
                           'topic')
        names = ', '.join(node for node, _ in self.publishers)
        others = sorted({kind for _, kind in self.publishers} - {image_type})
        if others:
            return ERROR, (f'{names} publishes {topic} as {", ".join(others)}, wanted '
                           f'{image_type}: set image_transport, or remap image')
        if now_ns - (self.seen_ns or 0) < SILENT_NS:
            return WARN, f'{names} publishes {topic}; waiting for its first frame'
        policy = self.mismatches.get(topic)
        remedy = f'QoS {policy} does not match, offer sensor-data QoS' if policy else SEGMENT
        return ERROR, f'{names} publishes {topic} but no frame arrives: {remedy}'

    def _age_ns(self, now_ns: int) -> int:
        return now_ns - self.frames_ns[-1] if self.frames_ns else now_ns

    def _age_ms(self, now_ns: int) -> str:
        return f'{(now_ns - self.frames_ns[-1]) / 1e6:.0f}' if self.frames_ns else 'none'


def _rate(times_ns: Iterable[int], now_ns: int) -> float:
    recent = [at for at in times_ns if now_ns - at < 2 * NS]
    return (len(recent) - 1) * NS / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0


def _quantiles(values: deque[float]) -> str:
    if not values:
        return 'none'
    p50, p99 = np.percentile(list(values), (50, 99))
    return f'{p50:.1f} {p99:.1f}'
