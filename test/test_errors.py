"""What an error says in one line, the same words for every verb and node."""

import pytest

from mobile_vla_ros.errors import first_line, of_system, one_line, summary_of


@pytest.mark.parametrize('error,line', [
    (ValueError('wrong\nand more'), 'wrong'),
    (ValueError('\n  wrong  \n'), 'wrong'),
    (ValueError(), 'ValueError'),
    (ValueError(' \n '), 'ValueError'),
    ('no answer', 'no answer'),
    (ImportError('it does not fit'), 'cannot be imported: it does not fit')])
def test_first_line(error, line):
    """It is never empty: an error without a text is known by its type."""
    assert first_line(error) == line


def test_the_first_line_of_a_missing_package_says_how_it_is_installed():
    """Its own text names the module, which is not what pip knows."""
    error = ModuleNotFoundError("No module named 'cv2'", name='cv2')
    assert first_line(error).endswith('-m pip install opencv-python-headless')
    assert summary_of(error) == f'ModuleNotFoundError: {first_line(error)}'


@pytest.mark.parametrize('error,line', [
    (ValueError('a\n  b\t c'), 'a b c'),
    (ValueError(), 'ValueError'),
    (ValueError('x' * 1000), 'x' * 200)])
def test_one_line(error, line):
    """Lines are joined, and what a library says of a damaged file is cut."""
    assert one_line(error) == line
    assert one_line(ValueError('x' * 1000), None) == 'x' * 1000


def test_what_the_system_says_of_a_file_names_it_and_what_to_do(tmp_path):
    """Its number, and Python's order of words, help nobody."""
    file = tmp_path / 'file'
    file.touch()
    for act, line in ((lambda: open(tmp_path / 'no'), 'no: no such file or directory; check'),
                      (lambda: open(tmp_path), ': is a directory; name a file, not a folder'),
                      (file.mkdir, 'file: file exists; name another one'),
                      (lambda: open(file / 'x'), 'x: not a directory; a part of this path')):
        with pytest.raises(OSError) as caught:
            act()
        said = of_system(caught.value)
        assert line in said and said.startswith(str(tmp_path)) and 'Errno' not in said
    assert of_system(FileNotFoundError('no checkpoint at x')) == 'no checkpoint at x'
