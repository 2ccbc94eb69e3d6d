"""
LeRobotDataset v3.0: parquet tables, an MP4 an episode, and what describes them.

Format: https://huggingface.co/docs/lerobot/lerobot-dataset-v3.
"""

from collections.abc import Iterable
import json
from pathlib import Path

import numpy as np

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.data.formats.demonstrations import Drive
from mobile_vla_ros.environment.packages import missing

CAMERA = 'observation.images.front'
FILE = 'chunk-{chunk_index:03d}/file-{file_index:03d}'
FILES_A_CHUNK = 1000
INDICES = ('frame_index', 'episode_index', 'index', 'task_index')
QUANTILES = {'q01': 0.01, 'q10': 0.1, 'q50': 0.5, 'q90': 0.9, 'q99': 0.99}
LOOKED_AT = 100  # pictures of an episode, at most, for the statistics of the camera


def library():
    """
    Return pyarrow and imageio_ffmpeg.

    :raises ValueError: saying how they are installed, if one is not.
    """
    try:
        import imageio_ffmpeg
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(f'a LeRobot dataset {missing(error)}') from error
    return pyarrow, imageio_ffmpeg


class Dataset:
    """A dataset that is being written; `close` makes it complete."""

    def __init__(self, root: Path, fps: int):
        """
        Create the folder.

        :raises FileExistsError: if it is there already.
        """
        self._arrow, self._ffmpeg = library()
        root.mkdir(parents=True)
        self.root, self.fps = root, fps
        self.frames, self._size = 0, None
        self._tasks, self._episodes, self._values = {}, [], []

    def add(self, drive: Drive, pictures: Iterable[np.ndarray]) -> None:
        """
        Write an episode.

        :param drive: at the dataset's own rate.
        :param pictures: yields RGB uint8 (height, width, 3), all of one size.
        :raises ValueError: if a picture has another size than the first.
        """
        number, count = len(self._episodes), len(drive.numbers)
        place = dict(zip(('chunk_index', 'file_index'), divmod(number, FILES_A_CHUNK)))
        film = self._path(f'videos/{CAMERA}', place, 'mp4')
        try:
            colors = self._film(film, pictures, max(1, count // LOOKED_AT))
        except BaseException:
            film.unlink(missing_ok=True)
            raise
        steps = np.arange(count)
        values = {'action': drive.commands.astype(np.float32),
                  'timestamp': (steps / self.fps).astype(np.float32),
                  'frame_index': steps, 'episode_index': np.full(count, number),
                  'index': self.frames + steps,
                  'task_index': np.full(count, self._tasks.setdefault(
                      drive.instruction, len(self._tasks)))}
        columns = {name: list(value) if value.ndim == 2 else value
                   for name, value in values.items()}
        arrow = self._arrow
        kinds = {'action': arrow.list_(arrow.float32(), len(AXES)), 'timestamp': arrow.float32()}
        self._table(columns, self._path('data', place, 'parquet'), arrow.schema(
            [(name, kinds.get(name, arrow.int64())) for name in columns]))
        looked_at = {CAMERA: colors, **values}
        self._values.append(looked_at)
        self._episodes.append({
            'episode_index': number, 'tasks': [drive.instruction], 'length': count,
            'dataset_from_index': self.frames, 'dataset_to_index': self.frames + count,
            **{f'data/{key}': value for key, value in place.items()},
            **{f'videos/{CAMERA}/{key}': value for key, value in place.items()},
            f'videos/{CAMERA}/from_timestamp': 0.0,
            f'videos/{CAMERA}/to_timestamp': count / self.fps,
            'meta/episodes/chunk_index': 0, 'meta/episodes/file_index': 0,
            **{f'stats/{name}/{key}': value for name, stats in _statistics(looked_at).items()
               for key, value in stats.items()}})
        self.frames += count

    def close(self) -> None:
        """Write what describes the dataset."""
        rows, names = self._episodes, list(self._episodes[0])
        self._table({name: [row[name] for row in rows] for name in names},
                    self._path('meta/episodes', {'chunk_index': 0, 'file_index': 0}, 'parquet'))
        self._write_tasks()
        together = {name: np.concatenate([values[name] for values in self._values])
                    for name in self._values[0]}
        self._json('stats', _statistics(together))
        self._json('info', self._info())

    def _info(self) -> dict:
        height, width = self._size
        one = {name: {'dtype': 'int64', 'shape': [1], 'names': None} for name in INDICES}
        return {
            'codebase_version': 'v3.0', 'robot_type': 'mobile_base',
            'total_episodes': len(self._episodes), 'total_frames': self.frames,
            'total_tasks': len(self._tasks), 'chunks_size': FILES_A_CHUNK,
            'data_files_size_in_mb': 100, 'video_files_size_in_mb': 200, 'fps': self.fps,
            'splits': {'train': f'0:{len(self._episodes)}'},
            'data_path': f'data/{FILE}.parquet',
            'video_path': f'videos/{{video_key}}/{FILE}.mp4',
            'features': {
                CAMERA: {
                    'dtype': 'video', 'shape': [height, width, 3],
                    'names': ['height', 'width', 'channels'],
                    'info': {'video.height': height, 'video.width': width,
                             'video.codec': 'h264', 'video.pix_fmt': 'yuv420p',
                             'video.is_depth_map': False, 'video.fps': self.fps,
                             'video.channels': 3, 'has_audio': False}},
                'action': {'dtype': 'float32', 'shape': [len(AXES)], 'names': list(AXES)},
                'timestamp': {'dtype': 'float32', 'shape': [1], 'names': None}, **one}}

    def _film(self, path, pictures, every) -> np.ndarray:
        """Write the MP4; return some of its pixels, (n, 3) in 0..1."""
        path.parent.mkdir(parents=True, exist_ok=True)
        writer, seen = None, []
        try:
            for i, picture in enumerate(pictures):
                # Half the pixels' colours are stored, so that the sides must be even.
                rgb = picture[:picture.shape[0] // 2 * 2, :picture.shape[1] // 2 * 2]
                self._size = self._size or rgb.shape[:2]
                if rgb.shape[:2] != self._size:
                    raise ValueError(f'picture {i} is {rgb.shape[1]}x{rgb.shape[0]}, those '
                                     f'before {self._size[1]}x{self._size[0]}: one dataset has '
                                     'one size')
                if writer is None:
                    writer = self._ffmpeg.write_frames(
                        str(path), self._size[::-1], fps=self.fps, codec='libx264',
                        quality=None, macro_block_size=2, pix_fmt_out='yuv420p',
                        output_params=['-crf', '18', '-g', '2', '-bf', '0'])
                    writer.send(None)
                writer.send(np.ascontiguousarray(rgb))
                if i % every == 0:
                    seen.append(rgb[::8, ::8].reshape(-1, 3) / 255.0)
        finally:
            if writer:
                writer.close()
        return np.concatenate(seen)

    def _write_tasks(self):
        """Write the texts as pandas writes an index, which is how they are read."""
        index = '__index_level_0__'
        told = {'index_columns': [index], 'column_indexes': [], 'columns': [
            {'name': 'task_index', 'field_name': 'task_index', 'pandas_type': 'int64',
             'numpy_type': 'int64', 'metadata': None},
            {'name': None, 'field_name': index, 'pandas_type': 'unicode',
             'numpy_type': 'object', 'metadata': None}]}
        schema = self._arrow.schema(
            [('task_index', self._arrow.int64()), (index, self._arrow.string())],
            metadata={'pandas': json.dumps(told)})
        self._table({'task_index': list(self._tasks.values()), index: list(self._tasks)},
                    self.root / 'meta' / 'tasks.parquet', schema)

    def _path(self, folder, place, suffix) -> Path:
        return self.root / folder / f'{FILE.format(**place)}.{suffix}'

    def _table(self, columns, path, schema=None):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._arrow.parquet.write_table(self._arrow.table(columns, schema=schema), path)

    def _json(self, name, content):
        path = self.root / 'meta' / f'{name}.json'
        path.write_text(json.dumps(content, indent=4, ensure_ascii=False), encoding='utf-8')


def _statistics(values: dict) -> dict:
    """Return, of each feature (n,) or (n, k), lists of k; of a camera's, (k, 1, 1)."""
    out = {}
    for name, value in values.items():
        rows = np.asarray(value, float).reshape(len(value), -1)
        found = {'min': rows.min(0), 'max': rows.max(0), 'mean': rows.mean(0),
                 'std': rows.std(0), **{key: np.quantile(rows, share, axis=0)
                                        for key, share in QUANTILES.items()}}
        shape = (-1, 1, 1) if name == CAMERA else (-1,)
        out[name] = {key: each.reshape(shape).tolist() for key, each in found.items()}
        out[name]['count'] = [len(rows)]
    return out
