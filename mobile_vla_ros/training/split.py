"""Which recordings are held out to measure with: always the same, whatever comes later."""

from collections.abc import Iterable

from mobile_vla_ros.training.shards import Episode

SHARE = 0.2


def place(recording: str) -> float:
    """Return where a recording's digest lies, evenly spread over [0, 1)."""
    return int(recording[:12], 16) / 16**12


def held_out(recordings: Iterable[str]) -> set[str]:
    """
    Return the recordings, by digest, that are held out.

    They are those in the first fifth of all digests or, where there is none, the first. So one
    that is learned from now is never held out later, whatever is recorded then; but for few
    recordings that all lie in the first fifth, of which the last is learned from.

    :raises ValueError: if there are not two different ones.
    """
    ordered = sorted(set(recordings))  # digests in hexadecimal: by their place
    if len(ordered) < 2:
        raise ValueError(f'{len(ordered)} recording is too few: one is held out to measure with, '
                         'the others are learned from; record more')
    first = [recording for recording in ordered if place(recording) < SHARE]
    return set((first or ordered[:1])[:len(ordered) - 1])


def split(episodes: list[Episode], learned: Iterable[str] = ()) -> tuple[list, list]:
    """
    Return (to learn from, to measure with): whole recordings, in the second the originals only.

    A mirrored copy shares the mistakes of its making: what it hides must not be measured with it.

    :param learned: digests of what the checkpoint that training starts from has learned.
    :raises ValueError: if one of those would be held out, or there are too few recordings.
    """
    held = held_out(episode.recording for episode in episodes)
    names = sorted({e.name or e.recording for e in episodes
                    if e.recording in held and e.recording in set(learned)})
    if names:
        more = f' and {len(names) - 3} more' if len(names) > 3 else ''
        raise ValueError(f'the checkpoint to start from has learned {", ".join(names[:3])}{more}, '
                         'held out here: the error would be of what it knows. Leave --start out, '
                         'or take that out with `dataset remove`')
    return ([e for e in episodes if e.recording not in held],
            [e for e in episodes if e.recording in held and e.original])
