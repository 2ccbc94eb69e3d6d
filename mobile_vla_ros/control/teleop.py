"""Keys of a plain terminal as hold-to-run driving. Pure: no terminal, no ROS, no clock."""

import math
from typing import NamedTuple

from mobile_vla_ros.contract import Command, DISTANCES, STOP
from mobile_vla_ros.control.keys import DOWN, ESCAPE, KeyReader, LEFT, Pasted, RIGHT, UP

DIRECTIONS = {  # forward, left, turn
    'w': (1, 0, 0), 's': (-1, 0, 0), 'a': (0, 1, 0), 'd': (0, -1, 0),
    'q': (1, 1, 0), 'e': (1, -1, 0), 'z': (-1, 1, 0), 'c': (-1, -1, 0),
    'r': (0, 0, 1), 't': (0, 0, -1)}
ARROWS = {UP: 'w', DOWN: 's', LEFT: 'a', RIGHT: 'd'}
EPISODE = {'n': 'start', 'm': 'keep', 'x': 'discard'}
TYPED = {'i': 'instruction', 'o': 'scenario'}
DISTANCE_OF = {str(key): distance for key, distance in enumerate(DISTANCES, 1)}
ENTER, BACKSPACE = '\r\n', '\x7f\b'
FASTER, SLOWER = '+=', '-_'
SPEEDS = (0.1, 0.2, 0.3, 0.4, 0.5)  # m/s
TURN = 2.0  # rad/s for each m/s
BASES = ('holonomic', 'differential')
HELP = """\
  q w e        drive; hold to go on, release to stop      r t    turn left, right
  a   d        (differential: a, d turn); or the arrows   space  stop
  z s c        + -  faster, slower      n m x  episode: start, keep, discard
               i o  type the instruction, the scenario    1 2 3  close, medium, far"""


class Label(NamedTuple):
    """What the next episode is to be called: instruction, scenario or distance."""

    name: str
    value: str


class Entry:
    """A line of text as it is typed; nothing moves meanwhile."""

    def __init__(self, name: str) -> None:
        """Begin an empty line for the label `name`."""
        self.name, self.text, self.open = name, '', True

    def key(self, key: str) -> Label | None:
        """Take a key; return the label at Enter. Escape leaves it as it was."""
        if isinstance(key, Pasted):
            self.text += key if key.isprintable() else ' '
        elif len(key) > 1:
            self.open = key != ESCAPE
        elif key in ENTER:
            self.open = False
            return Label(self.name, ' '.join(self.text.split()))
        elif key in BACKSPACE:
            self.text = self.text[:-1]
        elif key.isprintable():
            self.text += key
        return None


class HeldKey:
    """
    Which key is held, as far as a terminal tells: it only repeats a key while it is down.

    Until the first repeat nothing tells a hold from a tap, so a tap lasts as long as the longest
    usual delay. From then on the key's own rhythm is known, and twice its interval is a release.
    """

    FIRST_S = 0.6
    LEAST_S, MOST_S = 0.08, 0.25

    def __init__(self) -> None:
        """Hold nothing."""
        self.key: str | None = None
        self._last, self._repeats = -math.inf, 0
        self._interval: float | None = None  # of its repeats, s

    @property
    def deadline(self) -> float:
        """Return when the key counts as released unless it comes again, s."""
        if self.key is None:
            return math.inf
        if not self._repeats:
            return self._last + self.FIRST_S
        if self._interval is None:
            return self._last + self.MOST_S
        return self._last + min(self.MOST_S, max(self.LEAST_S, 2 * self._interval))

    def press(self, key: str, now: float) -> None:
        """Take a key that came at `now`, s."""
        if key == self.key and now < self.deadline:
            if self._repeats:  # the first gap is the keyboard's delay, not its rhythm
                gap = now - self._last
                self._interval = gap if self._interval is None else \
                    self._interval + 0.3 * (gap - self._interval)
            self._repeats += 1
        else:
            self._repeats = 0
        self.key, self._last = key, now

    def release(self) -> None:
        """Hold nothing from now on."""
        self.key = None

    def held(self, now: float) -> str | None:
        """Return the key that is held at `now`."""
        if now >= self.deadline:
            self.release()
        return self.key


class Teleop:
    """What is typed in, command out."""

    def __init__(self, base: str = 'holonomic') -> None:
        """
        Stand still.

        :raises ValueError: for an unknown base.
        """
        if base not in BASES:
            raise ValueError(f'base must be one of {", ".join(BASES)}, got {base!r}')
        self.base, self.step, self.hand = base, 1, HeldKey()
        self.entry: Entry | None = None  # the line that is being typed
        self._keys = KeyReader()

    @property
    def speed(self) -> float:
        """Return the chosen speed, m/s."""
        return SPEEDS[self.step]

    def key(self, char: str, now: float) -> str | Label | None:
        """Take a character; return 'start', 'keep', 'discard' or a Label if it asks for that."""
        asked = None
        for key in self._keys.feed(char, now):
            asked = self._press(key, now) or asked
        return asked

    def _press(self, key: str, now: float) -> str | Label | None:
        if self.entry:
            label = self.entry.key(key)
            self.entry = self.entry if self.entry.open else None
            return label
        key = ARROWS.get(key, key) if not isinstance(key, Pasted) else ''
        key = key.lower()
        if key in DIRECTIONS:
            self.hand.press(key, now)
        elif key and key in FASTER + SLOWER:
            step = self.step + (1 if key in FASTER else -1)
            self.step = min(max(step, 0), len(SPEEDS) - 1)
        else:  # space, and whatever was not meant to move it
            self.hand.release()
            self.entry = Entry(TYPED[key]) if key in TYPED else None
        return Label('distance', DISTANCE_OF[key]) if key in DISTANCE_OF else EPISODE.get(key)

    def command(self, now: float) -> Command:
        """Return what the base is told at `now`."""
        for key in self._keys.overdue(now):
            self._press(key, now)
        held = self.hand.held(now)
        if held is None:
            return STOP
        forward, left, turn = DIRECTIONS[held]
        if self.base == 'differential':
            # Backwards the nose goes the other way, as a driver expects.
            left, turn = 0, turn + left * (-1 if forward < 0 else 1)
        size = math.hypot(forward, left) or 1.0
        return Command(self.speed * forward / size, self.speed * left / size,
                       self.speed * TURN * turn)
