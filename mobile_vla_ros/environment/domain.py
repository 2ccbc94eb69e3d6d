"""A ROS domain that nobody else on this machine uses. No ROS."""

from collections.abc import Iterator
from contextlib import contextmanager
import errno
import itertools
import random
import socket

# Below 102: their ports stay below those that Linux hands out to others. 0 is where all are.
DOMAINS = range(1, 102)
# Where a domain's UDP ports lie, by the DDS wire protocol (RTPS 2.2, 9.6.1.1).
BASE, EACH = 7400, 250
DISCOVERY = (0, *range(10, 10 + 2 * 32, 2))  # of all together; of the first 32 processes
UNUSED = 5  # by DDS: whoever has bound this one has the domain

_order = itertools.cycle(random.SystemRandom().sample(DOMAINS, len(DOMAINS)))


@contextmanager
def own_domain() -> Iterator[int]:
    """
    Yield the number of a ROS domain that this process has for itself until the end.

    Who asks in the same way gets another one. One in which somebody talks already is passed
    over. However this process ends, the kernel frees the domain.

    :raises RuntimeError: if every domain is in use.
    """
    for domain in itertools.islice(_order, len(DOMAINS)):
        held = bound(domain, UNUSED)
        if held:
            with held:
                if not talked_in(domain):
                    yield domain
                    return
    raise RuntimeError(f'all ROS domains from {DOMAINS[0]} to {DOMAINS[-1]} are in use on this '
                       'machine: end what you need no longer')


def talked_in(domain: int) -> bool:
    """Tell whether a node of this machine is in a domain."""
    for offset in DISCOVERY:
        free = bound(domain, offset)
        if not free:
            return True
        free.close()
    return False


def bound(domain: int, offset: int) -> socket.socket | None:
    """Return a socket at a port of a domain; None if another one is there."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind(('', BASE + EACH * domain + offset))
    except OSError as error:
        sock.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return sock
