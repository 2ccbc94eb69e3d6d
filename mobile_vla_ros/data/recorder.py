"""What stands between the callbacks and the disk: a queue, a thread, and how well it goes."""

from collections import Counter, deque
from dataclasses import dataclass
import json
from pathlib import Path
import queue
import shutil
import threading
import time

from mobile_vla_ros.contract import NS
from mobile_vla_ros.data.bag_paths import read_info
from mobile_vla_ros.data.episode import EpisodeWriter

QUEUE_BYTES = 256 * 2**20  # of messages that wait for the disk; more are dropped and counted
RATE_OVER_S = 2.0
CLOCK_JUMP_S = 0.5


@dataclass(frozen=True)
class Topic:
    """A topic to record; one that is needed is missed when nothing comes."""

    name: str
    kind: str
    needed: bool = False
    least_hz: float = 0.0
    always: bool = False  # it is missed between episodes too: a camera, whoever drives


def _label(info: dict) -> str:
    """Return by what an episode is counted."""
    return info.get('scenario') or info.get('instruction') or ''


class Recorder:
    """Records one episode at a time; callable from several threads."""

    def __init__(self, root: Path, topics: list[Topic], definition, min_free_bytes: int = 0):
        """
        Prepare to write episodes below `root`.

        `kept` counts those that are there, by their scenario or, without one, their instruction.

        :param definition: a type's name -> its message definition.
        """
        self.root, self.topics = Path(root), {topic.name: topic for topic in topics}
        self._definition, self._min_free = definition, min_free_bytes
        self._lock = threading.Lock()
        self._counting = threading.Lock()  # a lost update would stay, and drop what has room
        self._writer, self._thread = None, None
        self.kept = Counter(map(_label, map(read_info, sorted(self.root.glob('*/')))))
        del self.kept['']
        self.error = ''
        self._listening = time.monotonic()
        self._came = {name: deque() for name in self.topics}  # steady times of late
        self._forget()

    def _forget(self):
        self._queue, self._waiting = queue.SimpleQueue(), 0
        self.dropped, self.jumps = 0, 0
        self._clocks = None
        self._began, self._seen = time.monotonic(), set()  # kinds of trouble

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
        """Take a serialised message that came at `now_ns`; between episodes it only counts."""
        steady = time.monotonic()
        came = self._came[topic]
        came.append(steady)
        while came[0] < steady - RATE_OVER_S:
            came.popleft()
        if not self._writer:
            return
        self._watch_clock(steady, now_ns)
        with self._counting:
            if self._waiting + len(raw) > QUEUE_BYTES:
                self.dropped += 1
                return
            self._waiting += len(raw)
        self._queue.put((topic, now_ns, raw))

    def stop(self, keep: bool = True) -> dict:
        """
        Close the episode, or delete it; return what became of it.

        :raises RuntimeError: if none is open.
        """
        with self._lock:
            if not self._writer:
                raise RuntimeError('nothing is being recorded; start an episode first')
            writer, self._writer = self._writer, None
            took = time.monotonic() - self._began
            self._look(writer)  # now: what still waits for the disk takes its time
            self._queue.put(None)
            self._thread.join()
            told = {'episode': str(writer.folder), 'seconds': round(writer.seconds, 2),
                    'messages': writer.counts, 'dropped': self.dropped,
                    'clock_jumps': self.jumps, 'error': self.error}
            if not keep:
                shutil.rmtree(writer.folder)
                return told
            try:
                writer.close({'dropped': str(self.dropped), 'clock_jumps': str(self.jumps),
                              'error': self.error, **self._health(writer, took)})
            except OSError as error:  # a full disk; what was written can be repaired
                self.error = told['error'] = self.error or str(error)
            else:
                self.kept[_label(writer.info)] += 1
            return {**told, 'kept': dict(self.kept)}

    def rates(self) -> dict[str, float]:
        """Return Hz of each topic over the last two seconds, recording or not."""
        now = time.monotonic()
        over = min(RATE_OVER_S, max(now - self._listening, 0.2))
        return {name: sum(at > now - over for at in tuple(came)) / over
                for name, came in self._came.items()}

    def troubles(self) -> list[str]:
        """
        Return in words what is wrong now.

        What is wrong with an open episode is written with it as well.
        """
        return self._look(self._writer)

    def _look(self, writer) -> list[str]:
        """Return in words what is wrong, and remember of what kind it is, without the figures."""
        found = {self.error: self.error} if self.error else {}
        now = time.monotonic()
        settled = now - self._listening > RATE_OVER_S
        try:
            self._check_room()
        except OSError as error:
            found['too little room on the disk'] = str(error)
        rates, early = self.rates(), set()
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
                early.add(kind)  # of what was before, or the first is on its way: not remembered
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

    def _health(self, writer, took) -> dict[str, str]:
        """Return as JSON the mean Hz of every topic over `took` s, and what was ever wrong."""
        rates = {name: round(count / max(took, 0.001), 2)
                 for name, count in writer.counts.items()}
        with self._counting:
            seen = self._seen | {f'nothing came on {name}' for name, topic in self.topics.items()
                                 if topic.needed and not writer.counts[name]}
        return {'rates': json.dumps(rates, ensure_ascii=False),
                'troubles': json.dumps(sorted(seen), ensure_ascii=False)}

    @property
    def full(self) -> bool:
        """Tell whether recording must stop: the disk refuses, or its last room is reached."""
        if self.error:
            return True
        try:
            self._check_room()
        except OSError:
            return True
        return False

    def _check_room(self):
        there = next(folder for folder in (self.root, *self.root.absolute().parents)
                     if folder.exists())
        free = shutil.disk_usage(there).free
        if free < self._min_free:
            raise OSError(f'{self.root}: {free / 2**20:.0f} MB free, less than the '
                          f'{self._min_free / 2**20:.0f} MB that must stay; make room')

    def _watch_clock(self, steady, now_ns):
        """Count the times that the clock of the stamps leaves the steady one."""
        if self._clocks and abs((now_ns - self._clocks[1]) / NS
                                - (steady - self._clocks[0])) > CLOCK_JUMP_S:
            self.jumps += 1
        self._clocks = steady, now_ns

    def _write(self, writer, channels):
        while (item := self._queue.get()) is not None:
            topic, now_ns, raw = item
            with self._counting:
                self._waiting -= len(raw)
            if self.error:
                continue
            try:
                writer.write(channels[topic], now_ns, raw)
            except Exception as error:  # mostly a full disk; the thread must go on emptying
                self.error = f'{writer.path}: {error}'
