"""Find a ROS domain that nobody else on this machine uses; without ROS."""

from collections.abc import Iterator
from contextlib import contextmanager
import errno
import itertools
import random
import socket

# Domain 0 is the usual one. From 102 on, the ports are among those that Linux hands out.
DOMAINS = range(1, 102)
# Where a domain's UDP ports lie, by the DDS wire protocol (RTPS 2.2, 9.6.1.1).
BASE, EACH = 7400, 250
DISCOVERY = (0, *range(10, 10 + 2 * 32, 2))  # the common port; those of the first 32 processes
UNUSED = 5  # DDS does not use this port: whoever binds it has the domain

_order = itertools.cycle(random.SystemRandom().sample(DOMAINS, len(DOMAINS)))


@contextmanager
def own_domain() -> Iterator[int]:
    """
    Yield the number of a ROS domain that this process has for itself until the end.

    Another caller gets another domain. A domain that has nodes already is passed over. However
    this process ends, the kernel frees the domain.

    :raises RuntimeError: if every domain is in use.
    """
    for domain in itertools.islice(_order, len(DOMAINS)):
        claim = bind(domain, UNUSED)
        if claim:
            with claim:
                if not has_nodes(domain):
                    yield domain
                    return
    raise RuntimeError(f'all ROS domains from {DOMAINS[0]} to {DOMAINS[-1]} are in use on this '
                       'machine: end nodes that you no longer need')


def has_nodes(domain: int) -> bool:
    """Tell whether a node of this machine is in a domain."""
    for offset in DISCOVERY:
        sock = bind(domain, offset)
        if not sock:
            return True
        sock.close()
    return False


def bind(domain: int, offset: int) -> socket.socket | None:
    """Return a socket at a port of a domain; None if the port is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind(('', BASE + EACH * domain + offset))
    except OSError as error:
        sock.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return sock
