"""What was read of a bag beside what it holds, and in words what was left out and why."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SHOWN = 3  # examples of a kind
LEFT_OUT = 'left out, and a command that is ends the drive; look at what publishes it'
DIFFERS = 'see whether the recording was copied whole; what is there is used'
DESCRIBED = 'nothing need be done, the files are read; `ros2 bag reindex` writes it anew'
STALE = 'mend the camera driver: the drive node takes a picture only if its stamp is newer; ' \
    'training goes by when they came'
CUT = 'cut there; set the clock before you record, or record what belongs together in one go'


class Notice(NamedTuple):
    """Something that a user must know, and what to do about it."""

    found: str
    remedy: str


@dataclass
class Reading:
    """Counts by kind: image, command, instruction, odometry."""

    stored: dict[str, int] = field(default_factory=dict)  # messages, as the files count them
    noted: dict[str, int] = field(default_factory=dict)  # messages, as metadata.yaml counts them
    read: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, Counter[str]] = field(default_factory=dict)  # why each was left out
    cuts: list[str] = field(default_factory=list)  # why what follows is not of the same drive
    notes: list[str] = field(default_factory=list)  # what is odd about the files
    stale: int = 0  # images whose stamp is not newer than all before
    whole: bool = False  # all was read

    def skip(self, kind: str, why: str) -> None:
        """Count a message that is left out."""
        self.skipped.setdefault(kind, Counter())[why] += 1

    def left_out(self, kind: str) -> int:
        """Return the messages of a kind that were left out."""
        return sum(self.skipped.get(kind, {}).values())

    def notices(self) -> list[Notice]:
        """Return everything that a user must know; nothing if all is as it should be."""
        out = [Notice(note, DESCRIBED) for note in self.notes]
        for kind, stored in self.stored.items():
            out += self._of_kind(kind, stored)
        if self.stale:
            out.append(Notice(f'{self.stale} of {self.stored.get("image", 0)} pictures have a '
                              'stamp that is not newer than the one before', STALE))
        out += [Notice(why, CUT) for why in self.cuts[:SHOWN]]
        if len(self.cuts) > SHOWN:
            out.append(Notice(f'and {len(self.cuts) - SHOWN} more such places', CUT))
        return out

    def _of_kind(self, kind: str, stored: int) -> list[Notice]:
        """Return what a user must know of the messages of one kind."""
        whys = Counter(self.skipped.get(kind, {})).most_common()
        out = [Notice(f'{count} of {stored} {kind} messages cannot be read: {why}', LEFT_OUT)
               for why, count in whys[:SHOWN]]
        if whys[SHOWN:]:
            count = sum(count for _, count in whys[SHOWN:])
            out.append(Notice(f'{count} more {kind} messages cannot be read', LEFT_OUT))
        met = self.read[kind] + self.left_out(kind)
        if self.whole and met != stored:
            out.append(Notice(f'{met} {kind} messages were found, but the file says that it '
                              f'holds {stored}', DIFFERS))
        noted = self.noted.get(kind, stored)
        if noted != stored:
            out.append(Notice(f'metadata.yaml counts {noted} {kind} messages, the files hold '
                              f'{stored}', DIFFERS))
        return out

    def words(self) -> list[str]:
        """Return what `notices` has found."""
        return [notice.found for notice in self.notices()]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {'stored': dict(self.stored), 'read': dict(self.read),
                'left_out': {kind: dict(why) for kind, why in self.skipped.items()},
                'cuts': list(self.cuts), 'stale': self.stale, 'told': self.words()}
