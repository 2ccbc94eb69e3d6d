"""Fail with one line unless this interpreter is one that every pinned package has wheels for."""

import sys

if not (3, 10) <= sys.version_info[:2] <= (3, 13):
    sys.exit('Python 3.10 to 3.13 is needed, %s is %d.%d; give one: make PYTHON=python3.12'
             % (sys.executable, sys.version_info[0], sys.version_info[1]))
