"""CSV and HDF5 files for a test of the import, and what is in the episode that they become."""

import cv2
import numpy as np
import pytest

from mobile_vla_ros.cli import dataset as verb
from mobile_vla_ros.data.bags import Bag
from mobile_vla_ros.data.formats.imports import import_episode, Options
from mobile_vla_ros.images.decode import decode

HEAD = 'image,time_s,linear_x,linear_y,angular_z,instruction'


def write_table(path, head=HEAD, count=20, row=None):
    """Write a CSV file and its pictures; `row(i)` returns another line than the usual."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [head]
    for i in range(count):
        kind = ('jpg', 'png')[i % 2]
        cv2.imwrite(str(path.parent / f'{i}.{kind}'), np.full((48, 64, 3), 40 + i, np.uint8))
        words = 'go left' if i < 8 else '오른쪽으로 가'
        lines.append(row(i) if row else f'{i}.{kind},{5 + i / 10},0.3,{i / 100},-0.1,{words}')
    path.write_text('\n'.join(lines), encoding='utf-8')
    return path


def write_hdf5(path, count=18, order='bgr', **attributes):
    """Write a file as the first recorders did: action i, and the picture taken after it."""
    h5py = pytest.importorskip('h5py')
    images = np.stack([np.full((24, 32, 3), 40 + i, np.uint8) for i in range(count)])
    images[..., 0 if order == 'bgr' else 2] = 0  # no blue
    with h5py.File(path, 'w') as file:
        file['images'] = images
        file['actions'] = np.array([[i / 10, -i / 20, i / 40] for i in range(count)], np.float32)
        file.attrs.update(attributes)
    return path


def run_import(source, out, *more):
    """Import by the command; return its exit status."""
    return verb.main(['import', str(source), '--out', str(out), *more])


def take(source, out, **options):
    """Import without the process of its own that the command gives HDF5: it takes 0.6 s."""
    return import_episode(source, out / source.stem, Options(**options))


def read_episode(folder):
    """Return the texts, and (stamp s, shade, command) of each picture with what follows it."""
    texts, rows, waiting = [], [], None
    with Bag(folder) as bag:
        for event in bag.events():
            if event.kind == 'instruction':
                texts.append((len(rows), event.value))
            elif event.kind == 'image':
                assert waiting is None
                waiting = event.stamp_ns / 1e9, decode(event.value)
            else:
                rows.append((*waiting, event.value))
                waiting = None
    return texts, rows
