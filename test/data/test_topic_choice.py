"""Which topics of a bag are the camera, the commands and the instruction."""

import numpy as np
import pytest

pytest.importorskip('rosbags')
from support.bags import image, START, STORE, twist  # noqa: E402

from mobile_vla_ros.contract import Command  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.data.episode import EpisodeWriter  # noqa: E402

GO = Command(0.3, 0.0, 0.0)


def recorded(folder, *heard):
    """Write an episode as our recorder does: every topic registered, one message on some."""
    writer = EpisodeWriter(folder, {})
    picture = image(np.zeros((24, 32, 3), np.uint8), 0)
    for name in ('image', 'other/image', 'cmd_vel', 'base/cmd', 'cmd_vel_joy'):
        msg = picture if 'image' in name else twist(GO)
        kind = msg.__msgtype__
        channel = writer.topic(f'/{name}', kind, STORE.generate_msgdef(kind, ros_version=2)[0])
        if name in heard:
            writer.write(channel, START, bytes(STORE.serialize_cdr(msg, kind)))
    writer.close()


@pytest.mark.parametrize('heard, chosen', [
    (('image', 'base/cmd'), '/base/cmd'), (('image', 'base/cmd', 'cmd_vel_joy'), '/base/cmd'),
    (('image', 'cmd_vel_joy'), '/cmd_vel_joy'), (('image', 'cmd_vel', 'base/cmd'), '/cmd_vel'),
    (('image',), '/cmd_vel')])
def test_topics_without_messages_and_the_operator_stand_back(tmp_path, heard, chosen):
    recorded(tmp_path / 'bag', *heard)
    with Bag(tmp_path / 'bag') as bag:
        assert (bag.topics['image'], bag.topics['command']) == ('/image', chosen)
    with Bag(tmp_path / 'bag', command='/cmd_vel_joy') as bag:
        assert bag.topics['command'] == '/cmd_vel_joy', 'what is named is taken'


def test_what_is_not_clear_is_still_refused(tmp_path):
    for i, heard in enumerate([('image', 'other/image'), ()]):
        recorded(tmp_path / f'{i}', *heard)
        with pytest.raises(ValueError, match='several image topics.*: /image, /other/image'):
            Bag(tmp_path / f'{i}')
