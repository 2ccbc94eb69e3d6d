"""Advanced: attention over the last frames, and adaptive fusion of vision and language."""

from dataclasses import dataclass

import torch
from torch import nn

from mobile_vla_ros.models.final_fixed import FinalFixed
from mobile_vla_ros.models.fusion import AdaptiveFeatureFusion
from mobile_vla_ros.models.perception import PerceptionConfig
from mobile_vla_ros.models.size_limits import check_number

HEADS = 32  # at most


@dataclass(frozen=True)
class AdvancedConfig(PerceptionConfig):
    """As every model's, with more earlier frames; the words put `heads` queries to them."""

    dropout: float = 0.4
    history_s: tuple[float, ...] = (0.2, 0.4, 0.8, 1.2, 1.6, 2.0)
    heads: int = 4

    def __post_init__(self) -> None:
        """
        Check every value.

        :raises ValueError: naming the value and what is allowed.
        """
        super().__post_init__()
        check_number('heads', self.heads, 1, HEADS, whole=True)


class Advanced(FinalFixed):
    """FinalFixed's perception and head, with attention over time and adaptive fusion between."""

    config_class = AdvancedConfig

    def __init__(self, config: AdvancedConfig = AdvancedConfig()):
        super().__init__(config)
        frame, heads = config.frame, config.heads
        self.heads = heads
        # The attention knows no order: only this embedding of its age tells a frame from others.
        self.age = nn.Parameter(0.02 * torch.randn(1 + len(config.history_s), frame))
        self.ask = nn.Linear(config.words, heads * frame)
        self.key = nn.Linear(frame, frame)
        self.see = nn.Linear((1 + heads) * frame, config.hidden)
        self.hear = nn.Linear(config.words, config.hidden)
        self.fusion = AdaptiveFeatureFusion(config.hidden, config.hidden, config.hidden // 4)
        self.fuse = nn.Linear(2 * config.hidden, config.hidden)

    def features(self, looks: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Take looks (batch, frames, frame), newest first, and words; give (batch, hidden)."""
        aged = looks + self.age
        query = self.ask(words).unflatten(-1, (self.heads, -1))  # (batch, heads, frame)
        score = query @ self.key(aged).transpose(1, 2) / looks.shape[-1] ** 0.5
        answer = torch.softmax(score, -1) @ aged  # (batch, heads, frame)
        seen = torch.relu(self.see(torch.cat([looks[:, 0], answer.flatten(1)], -1)))
        return torch.relu(self.fuse(self.fusion(seen, torch.relu(self.hear(words)))))
