"""Memory that frames took is there for the next ones, without new pages."""

import subprocess
import sys

CODE = """
import resource, sys
from mobile_vla_ros.environment.memory import keep_memory

def take():  # a frame as it is held at once: the middleware's, the message's, the pixels
    return [bytes(640 * 480 * 3) + b'x' for _ in range(4)]

kept = keep_memory() if sys.argv[1] == 'keep' else None
for _ in range(3):
    take()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    take()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode: str) -> tuple[str, int]:
    """Return what keep_memory() said, and the page faults of 50 frames after it."""
    out = subprocess.run([sys.executable, '-c', CODE, mode], capture_output=True, text=True,
                         check=True).stdout.split()
    return out[0], int(out[1])


def test_frames_reuse_memory():
    """A VGA frame has 225 pages; kept, they are mapped once for all frames."""
    kept, faults = page_faults('keep')
    assert kept == 'True'
    assert 20 * max(faults, 1) < page_faults('as it is')[1]
