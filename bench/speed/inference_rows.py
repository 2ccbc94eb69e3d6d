"""The scoreboard's rows of inference: P5 and P10."""

import numpy as np

from bench.paths import ROOT
from bench.speed.rows import Row, Size
from bench.speed.timing import medians_ms
from mobile_vla_ros.parallel import alone

ONNX = ROOT / 'checkpoints' / 'default.onnx'
WEIGHTS = ROOT / 'checkpoints' / 'default.safetensors'


def inference(size: Size) -> list[Row]:
    """P5: the runtime against the same weights in torch eager."""
    found = {'ours': [], 'torch': []}
    for _ in range(size.repeats):
        for name, job in (('ours', (ONNX, 'auto')), ('torch', (WEIGHTS, 'torch'))):
            found[name].append(alone(_infer_ms, *job, size.calls))
    took = {name: float(np.median(values)) for name, values in found.items()}
    better = took['torch'] / took['ours']
    return [Row('P5', 'policy inference, one VGA image', 'ms', took['ours'], took['torch'],
                'torch eager', better, '<= 3, 6x better', took['ours'] <= 3 and better >= 6)]


def _infer_ms(checkpoint, backend, calls) -> float:
    """Return the median time of a call."""
    from mobile_vla_ros.inference.policy import load_policy
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    stamps, policy = iter(range(0, 10**15, 50_000_000)), load_policy(checkpoint, backend)
    return medians_ms(1, calls, all=lambda: policy.plan(rgb, 'go left', next(stamps)))['all']


def preprocessing(size: Size) -> list[Row]:
    """P10: from a message to what the network takes."""
    from cv_bridge import CvBridge
    import torch

    from mobile_vla_ros import messages
    from mobile_vla_ros.preprocessing import IMAGE, preprocess
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    msg, bridge = messages.to_image(rgb, 1, 'camera'), CvBridge()

    def usual():
        pixels = torch.from_numpy(bridge.imgmsg_to_cv2(msg, 'rgb8').copy())
        pixels = pixels.permute(2, 0, 1)[None].float() / 255
        return torch.nn.functional.interpolate(pixels, (IMAGE, IMAGE), mode='bilinear',
                                               antialias=True)
    took = medians_ms(size.repeats, 3 * size.calls, usual=usual,
                       ours=lambda: preprocess(messages.image_to_rgb(msg)))
    return [Row('P10', 'Image message to model input, VGA', 'ms', took['ours'], took['usual'],
                "PyPI's cv_bridge, then as torchvision", took['usual'] / took['ours'], '<= 0.5',
                took['ours'] <= 0.5)]
