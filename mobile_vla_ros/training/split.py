"""Which recordings are held out to measure with: always the same, whatever is recorded later."""

from collections.abc import Iterable

from mobile_vla_ros.report.words import first_of
from mobile_vla_ros.training.shards import Episode

SHARE = 0.2


def position(recording: str) -> float:
    """Return a recording's position in [0, 1), by its digest; positions are evenly spread."""
    return int(recording[:12], 16) / 16**12


def held_out(recordings: Iterable[str]) -> set[str]:
    """
    Return the recordings, by digest, that are held out.

    These are the recordings in the first fifth of all digests or, if there are none, the first
    one. So a recording that is learned from now is never held out later. One exception: if all
    recordings lie in the first fifth, the last of them is learned from.

    :raises ValueError: if there are not two different ones.
    """
    ordered = sorted(set(recordings))  # digests in hexadecimal: by their place
    if len(ordered) < 2:
        raise ValueError(f'{len(ordered)} recording is too few: one is held out to measure with, '
                         'the others are learned from; record more')
    first = [recording for recording in ordered if position(recording) < SHARE]
    return set((first or ordered[:1])[:len(ordered) - 1])


def split(episodes: list[Episode],
          learned: Iterable[str] = ()) -> tuple[list[Episode], list[Episode]]:
    """
    Return (episodes to learn from, episodes to measure with), divided by whole recordings.

    Only originals are measured with: a fault in the making of mirrored copies would hide itself.

    :param learned: digests of the recordings that the checkpoint to start from has learned.
    :raises ValueError: if one of them would be held out, or there are too few recordings.
    """
    held = held_out(episode.recording for episode in episodes)
    names = sorted({e.name or e.recording for e in episodes
                    if e.recording in held and e.recording in set(learned)})
    if names:
        raise ValueError(f'the checkpoint to start from has learned {first_of(names)}, '
                         'held out here: the error would be of what it knows. Leave --start out, '
                         'or take that out with `dataset remove`')
    return ([e for e in episodes if e.recording not in held],
            [e for e in episodes if e.recording in held and e.original])
