"""Import paths of version 0.1: they still work, with a warning, until 0.3."""

import importlib
from importlib.machinery import ModuleSpec
import sys
from types import ModuleType
from typing import TYPE_CHECKING
import warnings

if TYPE_CHECKING:
    from importlib.abc import Loader
else:
    Loader = object  # importlib.abc takes longer to import than the rest of the package

PACKAGE = 'mobile_vla_ros'
MOVED = {
    'backends': 'inference.backends',
    'bridge': 'images.bridge',
    'compressed': 'images.compressed',
    'data.exports': 'data.formats.exports',
    'data.frame_times': 'data.formats.frame_times',
    'data.hdf5': 'data.formats.hdf5',
    'data.hdf5_layout': 'data.formats.hdf5_layout',
    'data.imports': 'data.formats.imports',
    'data.lerobot': 'data.formats.lerobot',
    'data.pairs': 'data.formats.demonstrations',
    'data.playback': 'data.timeline',
    'data.response': 'data.base_response',
    'data.samples': 'data.segments',
    'data.source_files': 'data.formats.source_files',
    'data.source_kinds': 'data.formats.source_kinds',
    'data.storage.recording': 'data.storage.bag_files',
    'data.table': 'data.formats.csv_table',
    'data.tub': 'data.formats.donkeycar',
    'domain': 'environment.domain',
    'encodings': 'images.encodings',
    'evaluate.ahead': 'replay.prefetch',
    'evaluate.benchmark_page': 'benchmark.page',
    'evaluate.chart': 'demo.chart',
    'evaluate.closed_loop': 'benchmark.rollout',
    'evaluate.demo_run': 'demo.run',
    'evaluate.disturbance': 'benchmark.disturbance',
    'evaluate.doctor_page': 'data.doctor_page',
    'evaluate.drive_rows': 'replay.log',
    'evaluate.film': 'demo.film',
    'evaluate.gate': 'report.gate',
    'evaluate.html': 'report.html',
    'evaluate.live': 'replay.live',
    'evaluate.over_ros': 'benchmark.over_ros',
    'evaluate.partial': 'benchmark.journal',
    'evaluate.phrases': 'benchmark.phrases',
    'evaluate.pipeline': 'control.offline_pilot',
    'evaluate.processes': 'demo.processes',
    'evaluate.recording': 'sim.trace',
    'evaluate.replay': 'replay.replay',
    'evaluate.replay_bags': 'replay.batch',
    'evaluate.replay_page': 'replay.page',
    'evaluate.replay_summary': 'replay.metrics',
    'evaluate.replay_video': 'replay.video',
    'evaluate.retake': 'benchmark.failure_films',
    'evaluate.rewordings': 'replay.rewordings',
    'evaluate.statistics': 'benchmark.statistics',
    'evaluate.suites': 'benchmark.suites',
    'evaluate.tuning': 'inference.tuning',
    'evaluate.words': 'demo.captions',
    'keys': 'control.keys',
    'limits': 'models.size_limits',
    'memory': 'environment.memory',
    'message_error': 'errors',
    'metadata': 'models.metadata',
    'nodes.follow': 'nodes.demo_observer',
    'nodes.health': 'control.health',
    'nodes.newest': 'control.latest_worker',
    'nodes.pace': 'control.pace',
    'nodes.pilot': 'control.pilot',
    'nodes.sim_world': 'sim.realtime',
    'obstacle': 'control.obstacle',
    'packages': 'environment.packages',
    'params_file': 'launching.params_file',
    'policy': 'inference.policy',
    'ros_arguments': 'launching.ros_arguments',
    'safety': 'control.guard',
    'share': 'environment.share',
    'stopping': 'control.stopping',
    'tally': 'images.tally',
    'teleop': 'control.teleop',
    'training.checkpoint': 'models.checkpoint',
    'training.recordings': 'training.shards',
    'training.team': 'training.distributed',
    'transport': 'environment.transport',
    'usage': 'environment.usage',
}


class Finder(Loader):
    """Finds a module by the path that it had."""

    def find_spec(self, fullname: str, path: object = None,
                  target: object = None) -> ModuleSpec | None:
        """Return a spec for a path that is no more; None for every other."""
        package, _, name = fullname.partition('.')
        if package == PACKAGE and (name in MOVED or name == 'evaluate'):
            return ModuleSpec(fullname, self, is_package=name == 'evaluate')
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to Python to make the module."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module with what is at its new place."""
        name = module.__name__.partition('.')[2]
        if name not in MOVED:
            return
        new = f'{PACKAGE}.{MOVED[name]}'
        warnings.warn(f'{module.__name__} is now {new}; the old path goes with version 0.3',
                      DeprecationWarning, stacklevel=2)
        module.__dict__.update({key: value for key, value
                                in vars(importlib.import_module(new)).items()
                                if not key.startswith('__')})


def install() -> None:
    """Find moved modules from now on, after everything that is where it is looked for."""
    sys.meta_path.append(Finder())
