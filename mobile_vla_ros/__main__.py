"""`python -m mobile_vla_ros VERB ...`."""

import sys

from mobile_vla_ros.cli import main

sys.exit(main(sys.argv[1:]))
