"""
Mutate what comes from outside, guided by coverage (atheris), until something unforeseen is raised.

    make fuzz SECONDS_EACH=600
    python -m bench.robustness.fuzz --target jpeg    # one of them, for as long as it is let

A finding ends the run; its input stays in OUT as crash-*, for a regression test.
"""

import argparse
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
from types import SimpleNamespace

from bench.paths import ROOT

OUT = ROOT / 'out' / 'fuzz'


def image(data):
    """Fields and pixels of a sensor_msgs/Image."""
    from mobile_vla_ros.images.decode import ENCODINGS, image_to_rgb, MessageError
    from mobile_vla_ros.preprocessing import preprocess
    encoding = ENCODINGS[data.ConsumeIntInRange(0, len(ENCODINGS) - 1)]
    msg = SimpleNamespace(
        encoding=encoding if data.ConsumeBool() else data.ConsumeUnicode(12),
        width=data.ConsumeIntInRange(0, 40), height=data.ConsumeIntInRange(0, 40),
        step=data.ConsumeIntInRange(0, 200), is_bigendian=data.ConsumeIntInRange(0, 255),
        data=data.ConsumeBytes(4000))
    try:
        preprocess(image_to_rgb(msg))
    except MessageError:
        pass


def jpeg(data):
    """Bytes of a sensor_msgs/CompressedImage, JPEG or PNG."""
    from mobile_vla_ros.images.decode import compressed_to_rgb, MessageError
    least = data.ConsumeIntInRange(0, 16)
    try:
        compressed_to_rgb(SimpleNamespace(format='', data=data.ConsumeBytes(10**6)), least)
    except MessageError:
        pass


def instruction(data):
    """An instruction."""
    import numpy as np
    from mobile_vla_ros.instruction import normalise
    from mobile_vla_ros.models.text import encode_text
    assert np.isfinite(encode_text(normalise(data.ConsumeUnicode(2000)))).all()


def checkpoint(data):
    """The metadata of a checkpoint, and its seal."""
    from mobile_vla_ros.contract import ContractError
    from mobile_vla_ros.models.metadata import Metadata, verify
    for read in (lambda raw: Metadata.from_json(raw.decode(errors='replace'), 'fuzz'),
                 lambda raw: verify(raw, 'fuzz')):
        try:
            read(data.ConsumeBytes(3000))
        except ContractError:
            pass


def scan(data):
    """A laser scan, and the free way that is computed from it."""
    from mobile_vla_ros.control.obstacle import Scan
    ranges = data.ConsumeFloatListInRange(data.ConsumeIntInRange(0, 40), -1e39, 1e39)
    try:
        Scan(ranges, *(data.ConsumeFloat() for _ in range(4)))
    except ValueError:
        pass


def parameters(data):
    """Values of any type for the drive node."""
    from mobile_vla_ros.nodes.drive_settings import make_config, SETTINGS
    values = {setting.name: setting.default for setting in SETTINGS}
    kinds = (lambda: None, data.ConsumeBool, lambda: data.ConsumeInt(8), data.ConsumeFloat,
             lambda: data.ConsumeUnicode(40))
    try:
        for _ in range(data.ConsumeIntInRange(1, 4)):
            setting = SETTINGS[data.ConsumeIntInRange(0, len(SETTINGS) - 1)]
            kind = kinds[data.ConsumeIntInRange(0, len(kinds) - 1)]
            value = [kind() for _ in range(data.ConsumeIntInRange(0, 4))] \
                if data.ConsumeBool() else kind()
            values[setting.name] = taken = setting.check(value)
            assert type(taken) is type(setting.default) and setting.check(taken) == taken
        make_config(values)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1, str(error)


def settings_file(data):
    """A YAML file: a gate, or phrases."""
    import numpy as np
    from mobile_vla_ros.benchmark.phrases import PhraseFile
    from mobile_vla_ros.report.gate import read_spec
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'any.yaml')
        path.write_bytes(data.ConsumeBytes(3000))
        for read in (read_spec, lambda path: PhraseFile(path).sample(
                'left', 'red', np.random.default_rng(0))):
            try:
                read(path)
            except ValueError:
                pass


def bag(data):
    """The bytes of an MCAP file."""
    from mobile_vla_ros.data.bags import Bag
    from mobile_vla_ros.data.storage import BagError
    from mobile_vla_ros.images.decode import decode, MessageError
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'bag.mcap')
        path.write_bytes(data.ConsumeBytes(10**6))
        try:
            with Bag(path) as opened:
                for event in opened.events():
                    if event.kind == 'image':
                        decode(event.value)
        except (BagError, MessageError):
            pass


TARGETS = {call.__name__: call for call in (
    image, jpeg, instruction, checkpoint, scan, parameters, settings_file, bag)}


def seeds(name: str, folder: Path) -> None:
    """Write the first inputs: valid ones of the kind that the target reads."""
    import cv2
    import numpy as np
    rgb = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    if name == 'jpeg':
        for suffix in ('.jpg', '.png'):
            (folder / f'seed{suffix}').write_bytes(cv2.imencode(suffix, rgb)[1].tobytes())
    elif name == 'bag':
        from support.bags import write
        from rosbags.rosbag2 import StoragePlugin
        with tempfile.TemporaryDirectory() as place:
            made = write(Path(place, 'a'), seconds=0.3, size=(16, 12), compressed=True,
                         plugin=StoragePlugin.MCAP)
            (folder / 'seed').write_bytes(next(made.glob('*.mcap')).read_bytes())
    elif name == 'checkpoint':
        shipped = (ROOT / 'checkpoints' / 'default.safetensors').read_bytes()
        (folder / 'seed').write_bytes(shipped[8:3000])
    elif name == 'settings_file':
        (folder / 'gate').write_text('rates.success.low: {min: 0.8}\n')
        shutil.copy(ROOT / 'config' / 'phrases' / 'held_out.yaml', folder / 'phrases')


def run(name: str, seconds: int) -> None:
    """Fuzz one target in this process; it does not return."""
    import atheris
    call = TARGETS[name]
    with atheris.instrument_imports(include=['mobile_vla_ros', 'mcap', 'rosbags']):
        call(atheris.FuzzedDataProvider(b''))  # imports what it needs
    corpus = OUT / name
    corpus.mkdir(parents=True, exist_ok=True)
    seeds(name, corpus)
    atheris.Setup([sys.argv[0], str(corpus), f'-artifact_prefix={OUT}/', f'-max_len={10**5}',
                   '-rss_limit_mb=4096', '-timeout=20', '-verbosity=0',
                   f'-max_total_time={seconds}', '-print_final_stats=1'],
                  lambda raw: call(atheris.FuzzedDataProvider(raw)))
    atheris.Fuzz()


def main(argv=None) -> int:
    """Fuzz every target for a while, each in a process of its own; 1 if one finds something."""
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--seconds', type=int, default=60, help='for each target')
    p.add_argument('--target', choices=TARGETS)
    args = p.parse_args(argv)
    if args.seconds < 1:
        p.exit(2, f'error: --seconds must be 1 or more, got {args.seconds}\n')
    if args.target:
        run(args.target, args.seconds)
    broken = []
    for name, call in TARGETS.items():
        ended = subprocess.run([sys.executable, '-m', 'bench.robustness.fuzz', '--target', name,
                                '--seconds', str(args.seconds)], stderr=subprocess.PIPE, text=True)
        done = next((line.split()[-1] for line in ended.stderr.splitlines()
                     if 'number_of_executed_units' in line), '?')
        print(f'{name:12} {call.__doc__:50} {done:>9} inputs  '
              f'{"nothing found" if not ended.returncode else "BROKEN"}', flush=True)
        if ended.returncode:
            broken.append(name)
            print('\n'.join(ended.stderr.splitlines()[-40:]), file=sys.stderr)
    return int(bool(broken))


if __name__ == '__main__':
    sys.exit(main())
