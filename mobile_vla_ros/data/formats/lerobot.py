"""
Write LeRobotDataset v3.0: parquet tables, one MP4 for each episode, and their description.

Format: https://huggingface.co/docs/lerobot/lerobot-dataset-v3.
"""

from collections.abc import Iterable, Mapping
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.data.formats.demonstrations import Drive
from mobile_vla_ros.environment.packages import missing

CAMERA = 'observation.images.front'
FILE = 'chunk-{chunk_index:03d}/file-{file_index:03d}'
FILES_A_CHUNK = 1000
INDICES = ('frame_index', 'episode_index', 'index', 'task_index')
QUANTILES = {'q01': 0.01, 'q10': 0.1, 'q50': 0.5, 'q90': 0.9, 'q99': 0.99}
LOOKED_AT = 100  # pictures of an episode that the camera's statistics are made from, about


def library() -> tuple[ModuleType, ModuleType]:
    """
    Return pyarrow and imageio_ffmpeg.

    :raises ValueError: if one is not installed; it says how to install it.
    """
    try:
        import imageio_ffmpeg
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(f'a LeRobot dataset {missing(error)}') from error
    return pyarrow, imageio_ffmpeg


class Dataset:
    """Writes a dataset; `close` makes it complete."""

    def __init__(self, root: Path, fps: int) -> None:
        """
        Create the folder.

        :raises FileExistsError: if it already exists.
        """
        self._arrow, self._ffmpeg = library()
        root.mkdir(parents=True)
        self.root, self.fps = root, fps
        self.frames = 0
        self._size: tuple[int, int] | None = None  # height and width, once there is a picture
        self._tasks: dict[str, int] = {}  # instruction -> its index
        self._episodes: list[dict[str, Any]] = []
        self._values: list[dict[str, npt.NDArray[Any]]] = []  # of each episode, for statistics

    def add(self, drive: Drive, pictures: Iterable[npt.NDArray[np.uint8]]) -> None:
        """
        Write an episode.

        :param drive: at the dataset's own rate.
        :param pictures: RGB (height, width, 3), all of one size, at least one.
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
        values: dict[str, npt.NDArray[Any]] = {
            'action': drive.commands.astype(np.float32),
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
        """
        Write the tables that describe the dataset.

        :raises ValueError: if it has no episode.
        """
        if self._size is None:
            raise ValueError(f'{self.root}: has no episode to describe')
        rows, names = self._episodes, list(self._episodes[0])
        self._table({name: [row[name] for row in rows] for name in names},
                    self._path('meta/episodes', {'chunk_index': 0, 'file_index': 0}, 'parquet'))
        self._write_tasks()
        together = {name: np.concatenate([values[name] for values in self._values])
                    for name in self._values[0]}
        self._json('stats', _statistics(together))
        self._json('info', self._info(*self._size))

    def _info(self, height: int, width: int) -> dict[str, Any]:
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

    def _film(self, path: Path, pictures: Iterable[npt.NDArray[np.uint8]],
              every: int) -> npt.NDArray[np.float64]:
        """Write the MP4; return some pixels of every `every`-th picture, (n, 3) in 0..1."""
        path.parent.mkdir(parents=True, exist_ok=True)
        writer, seen = None, []
        try:
            for i, picture in enumerate(pictures):
                # The format stores one colour for 2 x 2 pixels, so both sides must be even.
                height, width = (side // 2 * 2 for side in picture.shape[:2])
                rgb = picture[:height, :width]
                if self._size is None:
                    self._size = height, width
                if (height, width) != self._size:
                    raise ValueError(f'picture {i} is {width}x{height}, those before '
                                     f'{self._size[1]}x{self._size[0]}: one dataset has one size')
                if writer is None:
                    writer = self._ffmpeg.write_frames(
                        str(path), (width, height), fps=self.fps, codec='libx264',
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

    def _write_tasks(self) -> None:
        """Write the instructions as pandas writes an index, because LeRobot reads them so."""
        index = '__index_level_0__'
        described = {'index_columns': [index], 'column_indexes': [], 'columns': [
            {'name': 'task_index', 'field_name': 'task_index', 'pandas_type': 'int64',
             'numpy_type': 'int64', 'metadata': None},
            {'name': None, 'field_name': index, 'pandas_type': 'unicode',
             'numpy_type': 'object', 'metadata': None}]}
        schema = self._arrow.schema(
            [('task_index', self._arrow.int64()), (index, self._arrow.string())],
            metadata={'pandas': json.dumps(described)})
        self._table({'task_index': list(self._tasks.values()), index: list(self._tasks)},
                    self.root / 'meta' / 'tasks.parquet', schema)

    def _path(self, folder: str, place: Mapping[str, int], suffix: str) -> Path:
        return self.root / folder / f'{FILE.format(**place)}.{suffix}'

    def _table(self, columns: Mapping[str, Any], path: Path, schema: Any = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._arrow.parquet.write_table(self._arrow.table(columns, schema=schema), path)

    def _json(self, name: str, content: Mapping[str, Any]) -> None:
        path = self.root / 'meta' / f'{name}.json'
        path.write_text(json.dumps(content, indent=4, ensure_ascii=False), encoding='utf-8')


def _statistics(values: Mapping[str, npt.NDArray[Any]]) -> dict[str, dict[str, Any]]:
    """Return statistics of each feature (n,) or (n, k): lists of k; of a camera (k, 1, 1)."""
    out: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        rows = np.asarray(value, float).reshape(len(value), -1)
        measures = {'min': rows.min(0), 'max': rows.max(0), 'mean': rows.mean(0),
                 'std': rows.std(0), **{key: np.quantile(rows, share, axis=0)
                                        for key, share in QUANTILES.items()}}
        shape = (-1, 1, 1) if name == CAMERA else (-1,)
        out[name] = {key: each.reshape(shape).tolist() for key, each in measures.items()}
        out[name]['count'] = [len(rows)]
    return out
