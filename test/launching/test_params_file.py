"""Parameter files and texts: read as rcl reads them, refused in one line where it would not."""

import pytest

from mobile_vla_ros.launching import params_file
from mobile_vla_ros.launching.checking import check_argument, check_file
from mobile_vla_ros.launching.ros_arguments import quote_texts
from mobile_vla_ros.launching.ros_yaml import value_of

pytest.importorskip('rclpy', reason='needs ROS 2')
from mobile_vla_ros.nodes.drive_settings import check_together, SETTINGS  # noqa: E402

KEYS = ['/**', '**', '*', '/*', '/a/drive', 'a/drive', '/a/*', '/*/drive', '/**/drive', 'drive',
        '/drive', 'a/**', '/**/a/drive', '/b/drive', '*/drive']
WORDS = ['y', 'Yes', 'on', 'oN', '1e3', '0x10', '010', '08', '1_0', 'nan', '-.inf', '+5', '12:30',
         '~', 'null', '1.', '.5', '99999999999999999999', '0b1', '"1"', "'y'"]


@pytest.fixture
def write(tmp_path):
    """Return a function of a text, which returns the path of a file with it."""
    def write(text):
        path = tmp_path / 'params.yaml'
        path.write_text(text, encoding='utf-8')
        return path
    return write


@pytest.fixture(scope='module')
def heard():
    """Return a function of a file and a node, which returns what rclpy gives the node of it."""
    import rclpy
    from rclpy.node import Node
    from mobile_vla_ros.environment.domain import own_domain
    with own_domain() as domain:
        context = rclpy.Context()
        context.init(domain_id=domain)

        def heard(path, full):
            namespace, _, name = full.rpartition('/')
            node = Node(name, namespace=namespace or '/', context=context,
                        cli_args=['--ros-args', '--params-file', str(path)],
                        start_parameter_services=False, enable_rosout=False)
            found = {name: parameter.value
                     for name, parameter in node._parameter_overrides.items()}
            node.destroy_node()
            return found
        yield heard
        context.shutdown()


def test_keys_match_as_rcl_matches_them(write, heard):
    path = write(''.join(f'"{key}":\n  ros__parameters:\n    p{number}: 1\n'
                         for number, key in enumerate(KEYS)))
    for node in ('/drive', '/a/drive', '/b/a/drive'):
        assert set(params_file.parameters_of(path, node)) == set(heard(path, node)), node


def test_values_are_typed_as_rcl_types_them(write, heard):
    path = write('/**:\n  ros__parameters:\n' + ''.join(
        f'    p{number}: {word}\n' for number, word in enumerate(WORDS)) + '    l: [1, 2]\n')
    want = heard(path, '/drive')
    found = {name: value_of(node)
             for name, node in params_file.parameters_of(path, '/drive').items()}
    assert repr(found) == repr(want)


def test_what_is_written_for_a_node_is_what_it_hears(heard):
    values = {'a': '1e3', 'b': 'y', 'c': '', 'd': 'C:\\x "q" \'r\'\n\t😀\u200d\x85', 'e': 10.0,
              'f': 3, 'g': True, 'h': (0.5, 0.0, 1.0)}
    found = heard(params_file.write('/a/drive', values), '/a/drive')
    assert {name: tuple(value) if name == 'h' else value
            for name, value in found.items()} == values


@pytest.mark.parametrize('text, words', [
    (None, 'there is no parameter file'),
    ('', 'must have NODE: {ros__parameters'),
    ('- a\n', 'must have NODE'),
    ('a: [\n', 'cannot be read'),
    ('/**: &a\n  ros__parameters: *a\n', 'ROS takes no YAML aliases'),
    ('rate: 5.0\n', "line 1: 'rate' is not in a place for it"),
    ('drive:\n  rate: 5.0\n', "line 2: 'rate' is not in a place for it"),
    ('ros__parameters:\n  rate: 5.0\n', "'ros__parameters' is not in a place"),
    ('drive_node:\n  ros__parameters:\n    rate: 5.0\n',
     'has nothing for node /a/drive: it is for /drive_node'),
    ('drive:\n  ros__parameters:\n    rate: 5.0\n', 'has nothing for node /a/drive'),
    ('/**:\n  ros__parameters:\n    rat: 5.0\n',
     "line 3: unknown parameter 'rat': did you mean rate"),
    ('/**:\n  ros__parameters:\n    rate: fast\n',
     'line 3: parameter rate must be a number within'),
    ('/**:\n  ros__parameters:\n    rate:\n', 'there is no value'),
    ('/**:\n  ros__parameters:\n    limits:\n      velocity: [1, 2]\n', 'must be a list of 3'),
    ('/**:\n  ros__parameters:\n    use_sim_time: 1\n', 'use_sim_time must be true or false'),
])
def test_a_file_that_says_nothing_or_wrong_things_is_refused_in_one_line(write, text, words):
    path = '/nowhere.yaml' if text is None else write(text)
    with pytest.raises(ValueError) as error:
        check_file(path, '/a/drive', SETTINGS)
    assert words in str(error.value) and '\n' not in str(error.value)


def test_a_file_sets_text_numbers_and_lists(write):
    path = write('a:\n  drive:\n    ros__parameters:\n      instruction: 20261128\n'
                 '      frame_id: "1"\n      rate: 1e1\n      limits:\n'
                 '        velocity: [1, 2.5, 3]\n'
                 '      use_sim_time: true\nother:\n  ros__parameters:\n    x: 1\n')
    assert check_file(path, '/a/drive', SETTINGS) == {
        'instruction': '20261128', 'frame_id': '1', 'rate': 10.0,
        'limits.velocity': (1.0, 2.5, 3.0), 'use_sim_time': True}


@pytest.mark.parametrize('name, text, want', [
    ('instruction', '1e3', '1e3'), ('instruction', ' go: [left] ', ' go: [left] '),
    ('rate', '1e1', 10.0), ('threads', '2', 2), ('limits.velocity', '[1,  2, 0.5]', (1, 2, 0.5)),
    ('armed', 'true', True), ('rate', '0.5', None), ('rate', '1_0', None), ('rate', 'nan', None),
    ('threads', '2.5', None), ('rate', '{', None), ('rate', ' ', None), ('armed', '1', None),
    ('backend', 'tf', None)])
def test_an_argument_is_taken_or_named(name, text, want):
    setting, = (each for each in SETTINGS if each.name == name)
    if want is not None:
        assert check_argument(setting, text) == want
        return
    with pytest.raises(ValueError, match=f'{name}:= must be .*, got '):
        check_argument(setting, text)


def test_contradictions_and_a_missing_policy_are_refused():
    values = {setting.name: setting.default for setting in SETTINGS}
    check_together(values)
    with pytest.raises(ValueError, match="policy file, got 'nowhere.onnx'"):
        check_together({**values, 'checkpoint': 'nowhere.onnx'})
    with pytest.raises(ValueError, match='deceleration'):
        check_together({**values, 'limits.deceleration': (0.1, 2.0, 4.0)})


@pytest.mark.parametrize('given, want', [
    ('instruction:=20261128', 'instruction:="20261128"'),
    ('instruction:=stop: now', 'instruction:="stop: now"'),
    ('instruction:=', 'instruction:=""'),
    ('instruction:=a\\b', 'instruction:="a\\\\b"'),
    ('drive:instruction:=y', 'drive:instruction:="y"'),
    ('instruction:="a b"', None), ("instruction:='1'", None), ('rate:=5', None),
    ('unknown:=5', None)])
def test_text_on_a_command_line_is_put_in_quotes(given, want):
    args = ['x', '-p', given, '--ros-args', '-r', 'a:=b', '-p', given, '--', '-p', given]
    result = quote_texts(args, 'drive', SETTINGS)
    assert result == [*args[:7], want or given, *args[8:]]


def test_a_file_or_parameter_for_another_node_is_refused(write):
    path = str(write('drive:\n  ros__parameters:\n    rate: 5.0\n'))
    quote_texts(['--ros-args', '--params-file', path], 'drive', SETTINGS)
    quote_texts(['--ros-args', '-r', '__node:=drive', '--params-file', path], 'other', SETTINGS)
    for args in (['-r', '__ns:=/a', '--params-file', path],
                 ['--params-file', path, '-r', 'drive:__node:=other'], ['-p', 'drives:rate:=5']):
        with pytest.raises(ValueError, match='nothing for node|is for a node drives'):
            quote_texts(['--ros-args', *args], 'drive', SETTINGS)
