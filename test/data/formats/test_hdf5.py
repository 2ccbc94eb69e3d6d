"""HDF5 files that hold what nobody expects: looked at before it is read, refused in one line."""

import resource

import numpy as np
import pytest

pytest.importorskip('rosbags')
h5py = pytest.importorskip('h5py')

from mobile_vla_ros.cli import dataset as verb  # noqa: E402
from mobile_vla_ros.data.formats.imports import import_episode, Options  # noqa: E402
from support.sources import read_episode, run_import, take, write_hdf5  # noqa: E402

COUNT = 18
PIXELS = np.zeros((COUNT, 8, 8, 3), np.uint8)


def replaced(name, **how):
    """Return what puts another array, or none, in the place of this one."""
    def do(file, folder):
        del file[name]
        if how:
            file.create_dataset(name, **how)
    return do


def described(**values):
    return lambda file, folder: file.attrs.update(values)


def linked(link):
    def do(file, folder):
        write_hdf5(folder / 'other.h5')
        del file['images']
        file['images'] = link
    return do


def virtual(file, folder):
    write_hdf5(folder / 'other.h5')
    layout = h5py.VirtualLayout((COUNT, 24, 32, 3), np.uint8)
    layout[:] = h5py.VirtualSource(folder / 'other.h5', 'images', (COUNT, 24, 32, 3))
    del file['images']
    file.create_virtual_dataset('images', layout)


def outside(file, folder):
    (folder / 'secret').write_bytes(bytes(PIXELS.nbytes))
    del file['images']
    file.create_dataset('images', PIXELS.shape, np.uint8,
                        external=[(str(folder / 'secret'), 0, PIXELS.nbytes)])


def half_written(file, folder):
    del file['images']
    images = file.create_dataset('images', PIXELS.shape, np.uint8, chunks=(1, 8, 8, 3))
    images[:9] = 1


POINT = np.dtype([('x', float), ('y', float), ('z', float)])
ODD = {
    'its images is a link': linked(h5py.ExternalLink('other.h5', 'images')),
    "a link ('/actions')": linked(h5py.SoftLink('/actions')),
    'its images lies in another file': virtual, 'images lies in another file': outside,
    'its images is a folder': lambda file, folder: (
        file.__delitem__('images'), file.create_group('images')),
    'its images is uint8 without rows': replaced('images', data=np.uint8(3)),
    'its actions is float32 without rows': replaced('actions', data=h5py.Empty('f')),
    'only 0.0% of its images were ever written': replaced(
        'images', shape=PIXELS.shape, dtype='u1'),
    'only 50.0% of its images were ever written': half_written,
    'only 0.0% of its actions': replaced('actions', shape=(COUNT, 3), dtype='f4'),
    'frames are not within 2..1000000': lambda file, folder: (
        replaced('images', shape=(2**40, 8, 8, 3), dtype='u1', chunks=(1, 8, 8, 3))(file, folder),
        replaced('actions', shape=(2**40, 3), dtype='f8', chunks=(1, 3))(file, folder)),
    'its images are 100000x100000': replaced(
        'images', shape=(COUNT, 10**5, 10**5, 3), dtype='u1', chunks=(1, 10, 10, 3)),
    'its images are 0x8': replaced('images', shape=(COUNT, 8, 0, 3), dtype='u1'),
    'come in chunks of 955514880 bytes': replaced(
        'images', shape=(COUNT, 2160, 4096, 3), dtype='u1', chunks=(36, 2160, 4096, 3),
        maxshape=(None, 2160, 4096, 3)),
    'has images (18, 8, 8, 3) object': replaced(
        'images', shape=(COUNT, 8, 8, 3), dtype=h5py.vlen_dtype(np.uint8)),
    'has images (18, 8, 8, 3) int8': replaced('images', data=PIXELS.astype(np.int8)),
    'its actions are object, wanted numbers': replaced(
        'actions', data=[['1', '2', '3']] * COUNT, dtype=h5py.string_dtype()),
    'its actions are |S3': replaced('actions', data=np.full((COUNT, 3), b'0.1')),
    'its actions are bool': replaced('actions', data=np.ones((COUNT, 3), bool)),
    'its actions are complex128': replaced('actions', data=np.ones((COUNT, 3), complex)),
    "its actions are [('x',": replaced('actions', data=np.zeros((COUNT, 3), POINT)),
    'and actions (18,), wanted': replaced('actions', data=np.zeros(COUNT, POINT)),
    'are object, wanted': replaced('actions', shape=(COUNT, 3), dtype=h5py.ref_dtype),
    'its stamps_ns are object': lambda file, folder: file.create_dataset(
        'stamps_ns', data=[b'noon'] * COUNT),
    '18x1 stamps_ns for 18 images': lambda file, folder: file.create_dataset(
        'stamps_ns', data=np.arange(COUNT)[:, None]),
    '1 of its stamps_ns are not finite': lambda file, folder: file.create_dataset(
        'stamps_ns', data=[*range(COUNT - 1), np.nan]),
    'has a frame at 2.14748e+09 s': lambda file, folder: file.create_dataset(
        'stamps_ns', data=2**63 + 10**8 * np.arange(COUNT, dtype=np.uint64)),
    'has a frame at -1 s': lambda file, folder: file.create_dataset(
        'stamps_ns', data=10**8 * np.arange(-10, COUNT - 10)),
    'its total_duration is nan, wanted a number': described(total_duration=np.nan),
    "its total_duration is '4 s', wanted": described(total_duration='4 s'),
    'its total_duration is -1, wanted': described(total_duration=-1),
    'its total_duration is True': described(total_duration=True),
    'total_duration is array([1, 2])': described(total_duration=[1, 2]),
    'its times say 18 frames in 0.00 s': described(total_duration=1e-300),
    'has a frame at': described(total_duration=1e300),
    'its language_instruction is 5, wanted a text': described(
        total_duration=2.0, language_instruction=5),
    "language_instruction is array(['go'": described(
        total_duration=2.0, language_instruction=['go', 'left']),
    'its language_instruction is not a text in UTF-8': described(
        total_duration=2.0, language_instruction=np.bytes_(b'\xff\xfe')),
    'its color_order is 3, wanted a text': described(total_duration=2.0, color_order=3)}


@pytest.mark.parametrize('message', ODD)
def test_an_hdf5_file_of_odd_content_is_refused(tmp_path, message):
    path = write_hdf5(tmp_path / 'a.h5', language_instruction='go')
    with h5py.File(path, 'a') as file:
        ODD[message](file, tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError) as refused:
        import_episode(path, tmp_path / 'out', Options())
    told = str(refused.value)
    assert told.startswith(f'{path}: ') and message in told and len(told) < 700
    assert not (tmp_path / 'out').exists()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 2**17, 'KiB'


@pytest.mark.parametrize('make, messages', [
    (lambda file: file.create_dataset('data/demo_0/actions', data=np.zeros((4, 3))),
     ['has no images and no actions, but data/demo_0/actions (4, 3); wanted are images (n, ']),
    (lambda file: [file.create_dataset(f'{i}', data=i) for i in range(9)], ['5 ()', 'and more']),
    (lambda file: file.create_group('episode'), ['but episode;']),
    (lambda file: None, ['but nothing;'])])
def test_another_layout_is_told(tmp_path, make, messages):
    with h5py.File(tmp_path / 'a.hdf5', 'w') as file:
        make(file)
    with pytest.raises(ValueError) as refused:
        take(tmp_path / 'a.hdf5', tmp_path / 'out')
    line, = str(refused.value).splitlines()
    assert all(message in line for message in messages), line


def test_a_file_as_other_programs_write_it_is_read(tmp_path, capsys):
    """Bytes for a text, an array of one number, chunks of several frames, stamps as floats."""
    path = write_hdf5(tmp_path / 'a.h5', language_instruction=np.bytes_('왼쪽'.encode()),
                      total_duration=np.array([8.5]), color_order=np.bytes_(b'bgr'))
    with h5py.File(path, 'a') as file:
        images = file['images'][:]
        del file['images']
        file.create_dataset('images', data=images, chunks=(5, 24, 32, 3), compression='gzip')
        file['stamps_ns'] = 1e18 + 1e8 * np.arange(COUNT)
        file['actions'][4] = np.nan
    assert run_import(path, tmp_path / 'out') == 0
    told = capsys.readouterr().out
    assert '16 of 17 frames' in told and '1 without a command (first: frame 3: (nan' in told
    texts, rows = read_episode(tmp_path / 'out' / 'a')
    assert texts == [(0, '왼쪽')] and len(rows) == 16
    assert [round(float(rgb[..., 0].mean())) for _, rgb, _ in rows] == [
        40, 41, 42, *range(44, 57)]


@pytest.mark.parametrize('rate', [1e-300, 999.0])
def test_a_rate_that_no_camera_has_is_refused(tmp_path, rate):
    path = write_hdf5(tmp_path / 'a.h5', language_instruction='go')
    with pytest.raises(ValueError, match='give the true rate with --rate'):
        take(path, tmp_path / 'out', rate_hz=rate)


def test_a_file_on_which_the_library_crashes_costs_only_itself(tmp_path, capsys):
    """Such bytes end a process that reads them with HDF5 2.0; others say what is wrong."""
    bad = write_hdf5(tmp_path / 'bad.h5', language_instruction='go', total_duration=8.5)
    content = bytearray(bad.read_bytes())
    for at, value in ((102, 0o247), (208, 0o153), (1737, 0o143), (46098, 0o264)):
        content[at] = value
    bad.write_bytes(content)
    good = write_hdf5(tmp_path / 'good.h5', language_instruction='go', total_duration=8.5)
    assert verb.main(['import', str(bad), str(good), '--out', str(tmp_path / 'out')]) == 1
    told = capsys.readouterr()
    line, = told.err.strip().splitlines()
    assert line.startswith(f'refused: {bad}: ') and 'imported 1 of 2 sources' in told.out
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['good']
