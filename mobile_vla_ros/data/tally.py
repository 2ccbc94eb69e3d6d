"""What was read of a bag beside what it holds, and in words what was left out and why."""

from collections import Counter
from dataclasses import dataclass, field

SHOWN = 3  # examples of a kind


@dataclass
class Tally:
    """Counts by kind (image, command, instruction, odometry); whole once all was read."""

    stored: dict = field(default_factory=dict)  # messages, as the files count them
    noted: dict = field(default_factory=dict)  # messages, as metadata.yaml counts them
    read: Counter = field(default_factory=Counter)
    skipped: dict = field(default_factory=dict)  # kind -> Counter of why each was left out
    cuts: list = field(default_factory=list)  # why what follows is not of the same drive
    notes: list = field(default_factory=list)  # what is odd about the files
    whole: bool = False  # all was read

    def skip(self, kind: str, why: str) -> None:
        """Count a message that is left out."""
        self.skipped.setdefault(kind, Counter())[why] += 1

    def left_out(self, kind: str) -> int:
        """Return the messages of a kind that were left out."""
        return sum(self.skipped.get(kind, {}).values())

    def told(self) -> list[str]:
        """Return a sentence for everything that a user must know; none if all is as it should."""
        out = list(self.notes)
        for kind, stored in self.stored.items():
            for why, count in self.skipped.get(kind, {}).items():
                out.append(f'{count} of {stored} {kind} messages left out: {why}')
            met = self.read[kind] + self.left_out(kind)
            if self.whole and met != stored:
                out.append(f'{met} {kind} messages are in the file, which counts {stored} itself')
            noted = self.noted.get(kind, stored)
            if noted != stored:
                out.append(f'metadata.yaml counts {noted} {kind} messages, the files hold '
                           f'{stored}: the files are read')
        out += self.cuts[:SHOWN]
        if len(self.cuts) > SHOWN:
            out.append(f'and {len(self.cuts) - SHOWN} more such cuts')
        return out

    def as_dict(self) -> dict:
        """Return it for JSON."""
        return {'stored': dict(self.stored), 'read': dict(self.read),
                'left_out': {kind: dict(why) for kind, why in self.skipped.items()},
                'cuts': list(self.cuts), 'told': self.told()}
