"""What every verb that learns from a bag, or compares with it, needs to find in it."""

import pytest

pytest.importorskip('rosbags')

from support.bags import BagWriter, image, picture, START, text, twist  # noqa: E402

from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.storage import BagError  # noqa: E402


@pytest.fixture(scope='module')
def make(tmp_path_factory):
    """Return a bag of a picture and what else is named."""
    def make(*names):
        messages = {'instruction': text('go'), 'cmd_vel': twist((0.2, 0.0, 0.0))}
        path = tmp_path_factory.mktemp('bags') / 'bag'
        with BagWriter(path) as bag:
            bag.put('/image', START, image(picture(0, (8, 6)), START))
            for name in names:
                bag.put(f'/{name}', START, messages[name])
        return path
    return make


@pytest.mark.parametrize('names,instruction', [
    (('instruction', 'cmd_vel'), None), (('instruction', 'cmd_vel'), 'go'), (('cmd_vel',), 'go')])
def test_a_bag_of_driving_is_taken(make, names, instruction):
    with Bag(make(*names)) as bag:
        bag.require(instruction, 'to learn from')


@pytest.mark.parametrize('names,instruction,error', [
    (('cmd_vel',), None, 'no instruction was recorded; give one with --instruction'),
    ((), None, 'no instruction was recorded; give one with --instruction'),
    (('instruction',), None, r'no recorded commands \(.*Twist or TwistStamped\) to learn from'),
    ((), 'go', r'no recorded commands \(.*Twist or TwistStamped\) to learn from')])
def test_what_is_missing_is_named(make, names, instruction, error):
    path = make(*names)
    with Bag(path) as bag, pytest.raises(BagError, match=f'^{path}: {error}$'):
        bag.require(instruction, 'to learn from')
