"""Bags to a dataset: features on disk, one shard a recording, built once for each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobile_vla_ros.data.bag_paths import read_info
from mobile_vla_ros.errors import one_line
from mobile_vla_ros.parallel import imap
from mobile_vla_ros.preprocessing import IMAGE
from mobile_vla_ros.training.bag_shard import build_shard, Entry, recorded_distance
from mobile_vla_ros.training.manifest import (content_digest, file_stats, is_complete, locked,
                                              Manifest)
from mobile_vla_ros.training.shards import check_manifest

Row = dict[str, Any]  # what became of a bag
# Path, folder of the dataset, digest or the reason why there is none, the same bag before it in
# this build, what the manifest has of it, pictures, settings.
Job = tuple[str, str, str, str, str, Entry | None, bool, dict[str, Any]]


def build(bags: list[Path], out: Path, instruction: str | None = None, processes: int = 2,
          topics: dict[str, Any] | None = None, done: Callable[[Row], object] = lambda row: None,
          augment: str | None = None, corrections: bool = False,
          every_frame: bool = False, pictures: bool = False, mirror: bool = True) -> list[Row]:
    """
    Add every bag to the dataset in `out`; a bag that was built in the same way is left alone.

    A recording is known by the content of its files. Built with another instruction or other
    options, it replaces what was built of it before, and so does a bag whose content changed.

    :param instruction: of all bags, instead of the recorded ones.
    :param topics: image, command, instruction: as of `Bag`.
    :param done: called with every bag's row.
    :param augment: vary every episode as AUGMENTATIONS says of this distance, or of the distance
        in its labels if it is `recorded`.
    :param corrections: learn only from what the operator did on OPERATOR, taking over from a
        policy.
    :param every_frame: make several episodes of each that begin at different frames, PERIOD_S
        between their frames as always, so that no frame is left out.
    :param pictures: keep the resized pictures beside their features, in rows of their own.
    :param mirror: add every episode's mirror image, with left and right exchanged.
    :returns: for every bag its name, and episodes and frames or, if it was refused, the reason.
    :raises ValueError: if `out` holds another version's dataset.
    """
    from mobile_vla_ros.training.features import export_encoder
    out.mkdir(parents=True, exist_ok=True)
    settings = {'instruction': instruction, 'topics': topics or {}, 'augment': augment,
                'corrections': corrections, 'every_frame': every_frame, 'mirror': mirror,
                'image': IMAGE}
    with locked(out):
        check_manifest(out)
        manifest = Manifest(out)
        export_encoder(out)  # once, before several processes need it
        known = {entry['path']: (digest, entry['stat'])
                 for digest, entry in manifest.entries.items()}
        digests = list(imap(_digest, [(str(bag), known) for bag in bags], processes))
        first: dict[str, str] = {}
        jobs: list[Job] = []
        for bag, (digest, refused) in zip(bags, digests):
            twin = '' if refused else first.get(digest, '')
            first.setdefault(digest, str(bag))
            jobs.append((str(bag), str(out), digest, refused, twin, manifest.entries.get(digest),
                         pictures, settings))
        rows = []
        for row in imap(_build_one, jobs, processes):
            rows.append(_listed(manifest, row))
            done(row)
    return rows


def _digest(job: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    """Return (the digest of a bag, the reason why it has none)."""
    path, known = job
    try:
        digest, stats = known.get(str(Path(path).resolve()), ('', None))
        return (digest if stats == file_stats(Path(path)) else content_digest(Path(path))), ''
    except OSError as error:
        return '', str(error)


def _listed(manifest: Manifest, row: Row) -> Row:
    """Put a new shard into the manifest, and say which one it replaces."""
    entry, digest = row.pop('entry', None), row.pop('digest', '')
    if entry and entry != manifest.entries.get(digest):
        for name in manifest.put(digest, entry):
            row['told'] = [*row['told'], f'takes the place of what was built of {name} before']
    return row


def _build_one(job: Job) -> Row:
    name, out, digest, refused, twin, entry, pictures, settings = job
    row: Row = {'bag': name}
    try:
        if refused:
            raise ValueError(refused)
        if twin:
            return {**row, 'told': [f'is the same recording as {twin}, and counts once']}
        path, notes = Path(name), []
        if settings['augment'] == 'recorded':
            info = read_info(path if path.is_dir() else path.parent)
            settings = {**settings, 'augment': recorded_distance(path, info)}
        if not entry or entry['settings'] != settings \
                or not is_complete(Path(out), entry, pictures):
            entry = build_shard(path, Path(out), digest, pictures, settings)
        elif entry['path'] != str(path.resolve()):
            if Path(entry['path']).exists():
                notes = [f'is the same recording as {entry["path"]}, and counts once']
            else:  # it was moved
                entry = {**entry, 'path': str(path.resolve()), 'name': path.name}
        return {**row, 'digest': digest, 'entry': entry, 'told': [*entry['told'], *notes],
                **{key: entry[key] for key in (
                    'episodes', 'frames', 'seconds', 'read', 'unmirrored', 'pictures')}}
    except (OSError, ValueError) as error:
        reason = one_line(error, None)
        return {**row, 'refused': reason if name in reason else f'{name}: {reason}'}
