"""Tubs as a DonkeyCar records them."""

import json

import cv2
import numpy as np

from mobile_vla_ros.cli import dataset as verb


def make_tub(path, frames=12, step_ms=60, deleted=()):
    """Write a tub: picture i has the shade 20 i modulo 256, and its record steers by i / 20."""
    (path / 'images').mkdir(parents=True)
    rows = []
    for i in range(frames):
        name = f'{i}_cam_image_array_.jpg'
        cv2.imwrite(str(path / 'images' / name), np.full((120, 160, 3), 20 * i % 256, np.uint8))
        rows.append(json.dumps({
            '_index': i, '_timestamp_ms': 1_600_000_000_000 + i * step_ms,
            'cam/image_array': name, 'user/angle': i / 20, 'user/mode': 'user',
            'user/throttle': 0.5}))
    (path / 'catalog_0.catalog').write_text('\n'.join(rows) + '\n')
    (path / 'manifest.json').write_text('\n'.join([
        '["cam/image_array", "user/angle", "user/throttle", "user/mode"]',
        '["image_array", "float", "float", "str"]', '{}', '{"created_at": 1.0}',
        json.dumps({'paths': ['catalog_0.catalog'], 'current_index': frames, 'max_len': 1000,
                    'deleted_indexes': list(deleted)})]))
    return path


def change_record(tub, number, **values):
    """Change a record of a tub; `Ellipsis` takes the key out."""
    catalog = tub / 'catalog_0.catalog'
    rows = [json.loads(line) for line in catalog.read_text().splitlines()]
    rows[number] = {key: value for key, value in {**rows[number], **values}.items()
                    if value is not ...}
    catalog.write_text('\n'.join(map(json.dumps, rows)))


def import_tub(tub, out, *more):
    """Import by the command, with words; return its exit status."""
    return verb.main(['import', str(tub), '--out', str(out), '--instruction', 'follow the track',
                      *more])
