"""Import paths of the version before: each still leads to what it was, and says where that is."""

from importlib import import_module
import subprocess
import sys
import warnings

import pytest

from mobile_vla_ros.moved import MOVED


@pytest.mark.parametrize('old', MOVED)
def test_an_old_path_leads_to_the_new_place(old):
    try:
        new = import_module(f'mobile_vla_ros.{MOVED[old]}')
    except ModuleNotFoundError as error:
        assert error.name and not error.name.startswith('mobile_vla_ros')
        pytest.skip(f'needs {error.name}')
    sys.modules.pop(f'mobile_vla_ros.{old}', None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        moved = import_module(f'mobile_vla_ros.{old}')
    names = {name for name in vars(new) if not name.startswith('__')}
    assert names and all(getattr(moved, name) is getattr(new, name) for name in names)
    assert [f'is now mobile_vla_ros.{MOVED[old]};' in str(warning.message)
            for warning in caught if warning.category is DeprecationWarning].count(True) == 1


def test_it_is_told_where_a_user_imports_it():
    run = subprocess.run(
        [sys.executable, '-W', 'always', '-c', 'from mobile_vla_ros.sides import mirrored\n'
         'from mobile_vla_ros.keys import *'], capture_output=True, text=True)
    assert run.returncode == 0
    assert run.stderr.startswith('<string>:2: DeprecationWarning: mobile_vla_ros.keys is now')


def test_a_name_that_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match='mobile_vla_ros.no_such'):
        import_module('mobile_vla_ros.no_such')
