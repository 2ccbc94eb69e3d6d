"""Takes messages from callbacks and writes them to the disk by a thread; says what goes wrong."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
import json
from pathlib import Path
import queue
import shutil
import threading
import time
from typing import Any

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bag_paths import read_info
from mobile_vla_ros.data.episode import EpisodeWriter

QUEUE_BYTES = 256 * 2**20  # of messages that wait for the disk; more are dropped and counted
RATE_OVER_S = 2.0
CLOCK_JUMP_S = 0.5

Item = tuple[str, int, bytes]  # topic, time received ns, serialised message


@dataclass(frozen=True)
class Topic:
    """A topic to record; it is a trouble if nothing comes on one that is needed."""

    name: str
    kind: str
    needed: bool = False
    least_hz: float = 0.0
    always: bool = False  # needed between episodes too, such as a camera's


def _label(info: dict[str, str]) -> str:
    """Return the label by which an episode is counted."""
    return info.get('scenario') or info.get('instruction') or ''


class Recorder:
    """Records one episode at a time; callable from several threads."""

    def __init__(self, root: Path, topics: list[Topic], definition: Callable[[str], str],
                 min_free_bytes: int = 0) -> None:
        """
        Prepare to write episodes below `root`.

        `kept` counts the episodes in `root` by their scenario, or else by their instruction.

        :param definition: returns the message definition of a type by its name.
        :param min_free_bytes: how much of the disk must stay free.
        """
        self.root, self.topics = Path(root), {topic.name: topic for topic in topics}
        self._definition, self._min_free = definition, min_free_bytes
        self._lock = threading.Lock()
        self._counting = threading.Lock()  # else updates get lost
        self._writer: EpisodeWriter | None = None
        self._thread: threading.Thread | None = None
        self.kept: Counter[str] = Counter(
            map(_label, map(read_info, sorted(self.root.glob('*/')))))
        del self.kept['']
        self.error = ''
        self._listening = time.monotonic()
        self._arrived: dict[str, deque[float]] = {  # steady times of the last messages
            name: deque() for name in self.topics}
        self._forget()

    def _forget(self) -> None:
        """Forget what the last episode was about."""
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._waiting = 0  # bytes in the queue
        self.dropped, self.jumps = 0, 0
        self._clocks: tuple[float, int] | None = None  # (steady s, stamp ns) of the last message
        self._began = time.monotonic()
        self._seen: set[str] = set()  # kinds of trouble

    @property
    def recording(self) -> bool:
        """Tell whether an episode is open."""
        return self._writer is not None

    @property
    def seconds(self) -> float:
        """Return the length of the open episode."""
        writer = self._writer
        return writer.seconds if writer else 0.0

    def start(self, name: str, info: dict[str, str]) -> Path:
        """
        Open an episode; return its folder.

        :raises RuntimeError: if one is open.
        :raises OSError: if the disk has no room for it.
        """
        with self._lock:
            if self._writer:
                raise RuntimeError(f'{self._writer.folder.name} is being recorded; keep or '
                                   'discard it first')
            self.root.mkdir(parents=True, exist_ok=True)
            self._check_room()
            self._forget()
            self.error = ''
            writer = EpisodeWriter(self.root / name, info)
            channels = {topic.name: writer.topic(topic.name, topic.kind,
                                                 self._definition(topic.kind))
                        for topic in self.topics.values()}
            self._writer = writer
            self._thread = threading.Thread(target=self._write, args=(writer, channels),
                                            name='recorder', daemon=True)
            self._thread.start()
            return writer.folder

    def offer(self, topic: str, now_ns: int, raw: bytes) -> None:
        """Take a serialised message that came at `now_ns`; between episodes only count it."""
        steady = time.monotonic()
        arrived = self._arrived[topic]
        arrived.append(steady)
        while arrived[0] < steady - RATE_OVER_S:
            arrived.popleft()
        if not self._writer:
            return
        self._watch_clock(steady, now_ns)
        with self._counting:
            if self._waiting + len(raw) > QUEUE_BYTES:
                self.dropped += 1
                return
            self._waiting += len(raw)
        self._queue.put((topic, now_ns, raw))

    def stop(self, keep: bool = True) -> dict[str, Any]:
        """
        Close the episode, or delete it if it is not to be kept; return a summary of it.

        :raises RuntimeError: if none is open.
        """
        with self._lock:
            if not self._writer or not self._thread:
                raise RuntimeError('nothing is being recorded; start an episode first')
            writer, self._writer = self._writer, None
            took = time.monotonic() - self._began
            self._look(writer)  # before the wait for the disk
            self._queue.put(None)
            self._thread.join()
            summary = {'episode': str(writer.folder), 'seconds': round(writer.seconds, 2),
                       'messages': writer.counts, 'dropped': self.dropped,
                       'clock_jumps': self.jumps, 'error': self.error}
            if not keep:
                shutil.rmtree(writer.folder)
                return summary
            try:
                writer.close({'dropped': str(self.dropped), 'clock_jumps': str(self.jumps),
                              'error': self.error, **self._health(writer, took)})
            except OSError as error:  # a full disk; what was written can be repaired
                self.error = summary['error'] = self.error or str(error)
            else:
                self.kept[_label(writer.info)] += 1
            return {**summary, 'kept': dict(self.kept)}

    def rates(self) -> dict[str, float]:
        """Return the rate of each topic, Hz, over the last two seconds; between episodes too."""
        now = time.monotonic()
        over = min(RATE_OVER_S, max(now - self._listening, 0.2))
        return {name: sum(at > now - over for at in tuple(arrived)) / over
                for name, arrived in self._arrived.items()}

    def troubles(self) -> list[str]:
        """
        Return in words what is wrong now.

        If an episode is open, it is noted in the episode too.
        """
        return self._look(self._writer)

    def _look(self, writer: EpisodeWriter | None) -> list[str]:
        """Return in words what is wrong; remember the kinds of it, which have no figures."""
        found = {self.error: self.error} if self.error else {}
        now = time.monotonic()
        settled = now - self._listening > RATE_OVER_S
        try:
            self._check_room()
        except OSError as error:
            found['too little room on the disk'] = str(error)
        rates, early = self.rates(), set[str]()
        for topic in self.topics.values():
            rate = rates[topic.name]
            if not rate and (topic.needed if writer else topic.always and settled):
                kind = f'nothing came on {topic.name}'
                found[kind] = f'nothing comes on {topic.name}: is its publisher running?'
            elif rate and settled and rate < topic.least_hz:
                kind = f'{topic.name} came at less than {topic.least_hz:g} Hz'
                found[kind] = f'{topic.name} comes at {rate:.1f} Hz, wanted are {topic.least_hz:g}'
            else:
                continue
            if now - self._began < RATE_OVER_S:
                early.add(kind)  # not remembered: the first message may be on its way
        if writer and self.dropped:
            found['messages dropped: the disk is too slow'] = \
                f'{self.dropped} messages dropped: the disk is too slow'
        if writer and self.jumps:
            found['the clock was set while recording'] = \
                f'the clock was set {self.jumps} times while recording'
        if writer:
            with self._counting:
                self._seen.update(found.keys() - early)
        return list(found.values())

    def _health(self, writer: EpisodeWriter, took: float) -> dict[str, str]:
        """Return as JSON the mean Hz of every topic over `took` s, and all that was wrong."""
        rates = {name: round(count / max(took, 0.001), 2)
                 for name, count in writer.counts.items()}
        with self._counting:
            seen = self._seen | {f'nothing came on {name}' for name, topic in self.topics.items()
                                 if topic.needed and not writer.counts[name]}
        return {'rates': json.dumps(rates, ensure_ascii=False),
                'troubles': json.dumps(sorted(seen), ensure_ascii=False)}

    @property
    def full(self) -> bool:
        """Tell whether recording must stop: the disk refuses to write, or has too little room."""
        if self.error:
            return True
        try:
            self._check_room()
        except OSError:
            return True
        return False

    def _check_room(self) -> None:
        """Raise an OSError if the disk has too little room."""
        existing = next(folder for folder in (self.root, *self.root.absolute().parents)
                        if folder.exists())
        free = shutil.disk_usage(existing).free
        if free < self._min_free:
            raise OSError(f'{self.root}: {free / 2**20:.0f} MB free, less than the '
                          f'{self._min_free / 2**20:.0f} MB that must stay; make room')

    def _watch_clock(self, steady: float, now_ns: int) -> None:
        """Count how often the clock of the stamps jumps against the steady one."""
        if self._clocks and abs((now_ns - self._clocks[1]) / NS
                                - (steady - self._clocks[0])) > CLOCK_JUMP_S:
            self.jumps += 1
        self._clocks = steady, now_ns

    def _write(self, writer: EpisodeWriter, channels: dict[str, int]) -> None:
        """Write what is in the queue until None is; runs in a thread."""
        while (item := self._queue.get()) is not None:
            topic, now_ns, raw = item
            with self._counting:
                self._waiting -= len(raw)
            if self.error:
                continue
            try:
                writer.write(channels[topic], now_ns, raw)
            except Exception as error:  # mostly a full disk; the queue must be emptied
                self.error = f'{writer.path}: {error}'
