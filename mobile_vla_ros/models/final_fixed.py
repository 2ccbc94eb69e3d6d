"""FinalFixed: a simple action head with a damped z, on features that keep where things are."""

from dataclasses import dataclass

import torch
from torch import nn

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.models.perception import Listen, Look, PerceptionConfig


@dataclass(frozen=True)
class FinalFixedConfig(PerceptionConfig):
    """As every model's."""


class FinalFixed(nn.Module):
    """
    The model of the design note: features -> LayerNorm -> Dropout -> simple action head.

    The output is multiplied by a learnable weight for each axis; they start at [1, 1, z_weight].
    """

    config_class: type[PerceptionConfig] = FinalFixedConfig

    def __init__(self, config: PerceptionConfig = FinalFixedConfig()):
        super().__init__()
        self.config = config
        frames = 1 + len(config.history_s)
        self.listen = Listen(config)
        self.look = Look(config)
        self.fuse = nn.Linear(frames * config.frame + config.words, config.hidden)
        self.layer_norm = nn.LayerNorm(config.hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.action_head = nn.Sequential(
            nn.Linear(config.hidden, config.hidden // 2), nn.ReLU(),
            nn.Linear(config.hidden // 2, config.chunk * len(AXES)))
        self.axis_weight = nn.Parameter(torch.tensor([1.0, 1.0, config.z_weight]))

    @property
    def members(self) -> 'list[FinalFixed]':
        """Return the networks that listen and look, each on its own."""
        return [self]

    @property
    def memory(self) -> int:
        """Return how many values are kept of a frame."""
        return self.config.frame

    def features(self, looks: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Take looks (batch, frames, frame), newest first, and words; give (batch, hidden)."""
        return torch.relu(self.fuse(torch.cat([looks.flatten(1), words], -1)))

    def act(self, looks: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Take looks (batch, frames, frame), newest first, words; give (batch, chunk, 3)."""
        hidden = self.dropout(self.layer_norm(self.features(looks, words)))
        actions = self.action_head(hidden).reshape(-1, self.config.chunk, len(AXES))
        return actions * self.axis_weight

    def forward(self, grid: torch.Tensor, past: torch.Tensor,
                text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Take grid (batch, CHANNELS, GRID, GRID), past (batch, ages, frame), text (batch, 512).

        :returns: commands (batch, chunk, 3), and the look at this grid (batch, frame). Later calls
            take that look as past, so that no frame is looked at twice.
        """
        words = self.listen(text)
        look = self.look(grid, words)
        return self.act(torch.cat([look.unsqueeze(1), past], 1), words), look
