"""JPEG and PNG as cameras and drivers send them: read whole, or refused with what is wrong."""

import struct
from types import SimpleNamespace
import zlib

import cv2
import numpy as np
import pytest

from mobile_vla_ros.images.compressed import MAX_SCANS
from mobile_vla_ros.images.decode import compressed_to_rgb, MAX_PIXELS, MessageError

Y, X = np.mgrid[0:48, 0:64]
RGB = np.stack([X * 4, Y * 5, 255 - X * 2 - Y], -1).astype(np.uint8)
BGR = np.ascontiguousarray(RGB[..., ::-1])


def encode(suffix, pixels, *options):
    return cv2.imencode(suffix, pixels, list(options))[1].tobytes()


def segment(marker, body):
    return bytes([0xff, marker]) + struct.pack('>H', len(body) + 2) + body


def read(data, form='jpeg', least=0):
    return compressed_to_rgb(SimpleNamespace(data=np.frombuffer(data, np.uint8), format=form),
                             least)


def cut(data):
    """Refuse what is cut short, whatever follows it."""
    with pytest.raises(MessageError) as caught:
        read(data)
    return caught.value.kind == 'truncated'


JPEG = encode('.jpg', BGR)
OLDER = encode('.jpg', np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
THUMBNAIL = encode('.jpg', BGR[::4, ::4])
ORIENTED = b'Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0'
KINDS = {
    'plain': JPEG,
    'progressive': encode('.jpg', BGR, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    'restart markers': encode('.jpg', BGR, cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
    'thumbnail in EXIF': JPEG[:2] + segment(0xe1, ORIENTED + THUMBNAIL) + JPEG[2:],
    'thumbnail in JFXX': JPEG[:2] + segment(0xe0, b'JFXX\0\x10' + THUMBNAIL) + JPEG[2:],
    'end marker in a comment': JPEG[:2] + segment(0xfe, b'\xff\xd9 no end') + JPEG[2:],
    'fill bytes': JPEG[:2] + b'\xff\xff\xff' + JPEG[2:-2] + b'\xff\xff\xff\xd9',
    'markers without a body': JPEG[:2] + b'\xff\x01\xff\xd0' + JPEG[2:],
}
TAILS = {
    'nothing': b'', 'zeros': bytes(77), 'one byte': b'\x5a', 'ff': b'\xff' * 64,
    'end again': b'\xff\xd9', 'newline': b'\r\n', 'an older frame': OLDER[len(JPEG):-2],
    'another picture': JPEG, 'half a picture': JPEG[:300], 'text': b'--boundary\r\nContent-Type',
    'a segment beyond the end': b'\xff\xe1\xff\xff'}


@pytest.mark.parametrize('tail', TAILS)
@pytest.mark.parametrize('kind', KINDS)
def test_bytes_after_the_end_of_a_jpeg_mean_nothing(kind, tail):
    assert np.abs(read(KINDS[kind] + TAILS[tail]).astype(int) - RGB).mean() < 4


@pytest.mark.parametrize('tail', ['nothing', 'zeros', 'one byte', 'ff', 'another picture',
                                  'half a picture', 'newline'])
@pytest.mark.parametrize('kind', KINDS)
def test_a_jpeg_that_is_cut_short_is_refused_whatever_follows(kind, tail):
    data = KINDS[kind]
    for left in (2, 3, 40, 300):
        assert cut(data[:-left] + TAILS[tail])
    assert 'picture' in tail or cut(data[:200] + TAILS[tail])  # in the tables, not the pixels


@pytest.mark.parametrize('tail', TAILS)
def test_bytes_after_the_end_of_a_png_mean_nothing(tail):
    assert np.array_equal(read(encode('.png', BGR) + TAILS[tail], 'png'), RGB)


@pytest.mark.parametrize('form', ['', 'png', 'rgb8; jpeg compressed bgr8', 'x' * 999])
def test_the_bytes_say_what_it_is_not_the_format(form):
    assert read(JPEG, form).shape == read(encode('.png', BGR), form).shape == (48, 64, 3)


def test_cmyk_and_grey_jpegs_come_as_rgb(tmp_path):
    pillow = pytest.importorskip('PIL.Image')
    path = tmp_path / 'cmyk.jpg'
    pillow.fromarray(np.full((48, 64, 3), (200, 60, 30), np.uint8)).convert('CMYK').save(path)
    assert np.abs(read(path.read_bytes()).astype(int) - (200, 60, 30)).max() <= 8
    grey = read(encode('.jpg', BGR[..., 0]))
    assert np.array_equal(grey[..., 0], grey[..., 2]) and grey.shape == (48, 64, 3)


@pytest.mark.parametrize('pixels', [
    BGR.astype(np.uint16) * 257, cv2.cvtColor(BGR, cv2.COLOR_BGR2BGRA)], ids=['16 bit', 'alpha'])
def test_a_png_of_another_depth_comes_as_rgb(pixels):
    assert np.array_equal(read(encode('.png', pixels), 'png'), RGB)


def test_a_picture_is_not_turned_as_its_camera_was_held():
    assert read(KINDS['thumbnail in EXIF']).shape == RGB.shape


@pytest.mark.parametrize('data, form, kind, words', [
    (b'', 'jpeg', 'empty', '0 bytes'),
    (bytes(12) + encode('.png', BGR[..., 0].astype(np.uint16)), '16UC1; compressedDepth png',
     'format', 'compressedDepth'),
    (bytes(12) + encode('.png', BGR[..., 0]), 'png', 'format', 'compressedDepth'),
    (encode('.png', BGR[..., 0]), '16UC1; compressedDepth', 'format', 'compressedDepth'),
    (bytes(40), '32FC1; compressedDepth rvl', 'format', 'compressedDepth'),
    (encode('.webp', BGR), 'webp', 'format', 'WebP'),
    (encode('.bmp', BGR), 'bmp', 'format', 'BMP'),
    (encode('.tiff', BGR), 'tiff', 'format', 'TIFF'),
    (b'\0\0\0\x01\x67' + bytes(40), 'h264', 'format', "video.*'h264'"),
    (JPEG[:2], 'jpeg', 'format', 'neither'), (JPEG[:3], 'jpeg', 'truncated', 'no frame header'),
    (JPEG[:160] + JPEG[2:], 'jpeg', 'truncated', 'has no')])
def test_what_is_no_whole_picture_is_refused_by_name(data, form, kind, words):
    with pytest.raises(MessageError, match=words) as caught:
        read(data, form)
    assert caught.value.kind == kind and caught.value.what
    assert len(str(caught.value)) < 300 and '\n' not in str(caught.value)


def test_10_a_size_cannot_hide_behind_a_marker_without_a_body():
    at = JPEG.index(b'\xff\xc0')
    size = struct.pack('>HH', 30000, 30000)
    large = JPEG[:at + 5] + size + JPEG[at + 9:]
    for hidden in (b'\xff\x01', b'\xff\xd3', b'\0\0\0', b'\xff\0'):
        with pytest.raises(MessageError, match='30000x30000 is not within'):
            read(large[:at] + hidden + large[at:])


def test_10_a_jpeg_of_too_many_scans_is_refused_before_it_is_decoded():
    data = KINDS['progressive']
    at = data.rindex(b'\xff\xda')
    scan = data[at:-2]
    assert read(data[:-2] + b'\xff\xd9').shape == RGB.shape
    with pytest.raises(MessageError, match=f'more than {MAX_SCANS} scans'):
        read(data[:-2] + scan * MAX_SCANS + b'\xff\xd9')


def test_10_a_png_is_measured_before_it_is_decoded():
    header = struct.pack('>IIBBBBB', MAX_PIXELS, 2, 8, 2, 0, 0, 0)
    chunk = b'IHDR' + header
    data = encode('.png', BGR)
    data = data[:12] + chunk + struct.pack('>I', zlib.crc32(chunk)) + data[33:]
    with pytest.raises(MessageError, match='is not within'):
        read(data)
