"""A real, sealed runtime file in a few kilobytes: it drives by the instruction alone."""

import numpy as np
import pytest


def write(path, weight: float = 0.05, axes=(1, 1, 1)):
    """Write a checkpoint whose weights are `weight`, finite or not, on these axes."""
    onnx = pytest.importorskip('onnx')
    from mobile_vla_ros.models.metadata import KEY, Metadata, seal
    from mobile_vla_ros.models.text import NAME
    from mobile_vla_ros.preprocessing import IMAGE
    from onnx import helper, numpy_helper, TensorProto
    metadata = Metadata(model='tiny', config={}, rate_hz=20.0, chunk=1, history_s=(0.4,),
                        memory=3, vision='none', text=NAME, text_width=512)
    constants = {'weights': np.full((512, 3), weight, np.float32) * np.float32(axes),
                 'shape': np.array([1, 1, 3], np.int64),
                 'ends': np.array([1, 3], np.int64)}
    nodes = [
        helper.make_node('Abs', ['text'], ['size']),
        helper.make_node('MatMul', ['size', 'weights'], ['row']),
        helper.make_node('Reshape', ['row', 'shape'], ['commands']),
        helper.make_node('Cast', ['image'], ['pixels'], to=TensorProto.FLOAT),
        helper.make_node('ReduceMean', ['pixels'], ['means'], axes=[1, 2], keepdims=0),
        helper.make_node('Reshape', ['means', 'ends'], ['look'])]

    def tensor(name, kind, *shape):
        return helper.make_tensor_value_info(name, kind, shape)
    graph = helper.make_graph(
        nodes, 'tiny', [tensor('image', TensorProto.UINT8, 1, IMAGE, IMAGE, 3),
                        tensor('past', TensorProto.FLOAT, 1, 1, 3),
                        tensor('text', TensorProto.FLOAT, 1, 512)],
        [tensor('commands', TensorProto.FLOAT, 1, 1, 3),
         tensor('look', TensorProto.FLOAT, 1, 3)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    helper.set_model_props(model, {KEY: metadata.to_json()})
    onnx.save(model, path)
    seal(path)
    return path
