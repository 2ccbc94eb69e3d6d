"""Images are checked, named and shown without being copied."""

import numpy as np
import pytest

from mobile_vla_ros import messages
from mobile_vla_ros.images.decode import check, image_to_rgb, MessageError
from support.image_messages import make_image


def test_rgb8_is_a_view_of_the_message(rgb):
    msg = make_image(rgb, 'rgb8')
    assert np.shares_memory(image_to_rgb(msg), np.frombuffer(msg.data, np.uint8))
    assert not image_to_rgb(msg).flags.writeable


def test_a_message_is_checked_without_being_decoded(rgb):
    jpeg = messages.to_compressed(rgb, 1, 'camera')
    check(make_image(rgb, '8UC3'))
    check(jpeg)
    jpeg.data = bytes(jpeg.data)[:-9]
    for wrong, what in ((make_image(rgb, '8UC2'), "encoding '8UC2'"), (jpeg, 'cut short')):
        with pytest.raises(MessageError) as caught:
            check(wrong)
        assert caught.value.what == what
