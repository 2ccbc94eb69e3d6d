"""Bags of ROS 1, in their own format and in MCAP."""

from mcap.writer import Writer as McapWriter
from rosbags.rosbag1 import Writer

from support.drives import assert_whole, rows


def test_ros_1_is_read_in_and_out_of_mcap(tmp_path):
    from rosbags.typesys import get_typestore, Stores
    store = get_typestore(Stores.ROS1_NOETIC)

    def old(topic, msg):
        """Return a message as ROS 1 has it."""
        if topic == '/cmd_vel':
            return 'geometry_msgs/msg/Twist', msg
        if topic == '/instruction':
            return 'std_msgs/msg/String', msg
        types = store.types
        stamp = msg.header.stamp
        stamp = types['builtin_interfaces/msg/Time'](stamp.sec, stamp.nanosec)
        return msg.__msgtype__, types[msg.__msgtype__](
            types['std_msgs/msg/Header'](7, stamp, 'camera'), msg.format, msg.data)
    with Writer(tmp_path / 'a.bag') as one, (tmp_path / 'a.mcap').open('wb') as file:
        two, topics = McapWriter(file), {}
        two.start('ros1', 'test')
        for topic, ns, msg in rows():
            kind, msg = old(topic, msg)
            if topic not in topics:
                schema = two.register_schema(kind.replace('/msg/', '/'), 'ros1msg', b'')
                topics[topic] = (one.add_connection(topic, kind, typestore=store),
                                 two.register_channel(topic, 'ros1', schema))
            raw = bytes(store.serialize_ros1(msg, kind))
            one.write(topics[topic][0], ns, raw)
            two.add_message(topics[topic][1], ns, raw, ns)
        two.finish()
    assert_whole(tmp_path / 'a.bag')
    assert_whole(tmp_path / 'a.mcap')
