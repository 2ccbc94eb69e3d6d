"""HybridEnsemble: FinalFixed and Advanced side by side, averaged with a learnable weight."""

from dataclasses import dataclass, field
import math

import torch
from torch import nn

from mobile_vla_ros.models.advanced import Advanced, AdvancedConfig
from mobile_vla_ros.models.final_fixed import FinalFixed, FinalFixedConfig
from mobile_vla_ros.models.size_limits import check_number


@dataclass(frozen=True)
class HybridConfig:
    """The members' configs, which share window and chunk, and the first one's share at first."""

    final_fixed: FinalFixedConfig = field(default_factory=lambda: FinalFixedConfig(
        dropout=0.3, history_s=AdvancedConfig().history_s))
    advanced: AdvancedConfig = field(default_factory=lambda: AdvancedConfig(dropout=0.3))
    ensemble_weight: float = 0.6

    def __post_init__(self) -> None:
        """
        Rebuild members from dicts, as a checkpoint holds them, and check every value.

        :raises ValueError: naming the values and what is allowed.
        """
        for name, kind in (('final_fixed', FinalFixedConfig), ('advanced', AdvancedConfig)):
            value = getattr(self, name)
            if isinstance(value, dict):
                object.__setattr__(self, name, kind(**value))
            elif type(value) is not kind:
                raise ValueError(f'{name} must be a {kind.__name__} by its names, got '
                                 f'{value!r:.80}')
        check_number('ensemble_weight', self.ensemble_weight, 0.001, 0.999)
        for name in ('history_s', 'chunk'):
            ours, theirs = getattr(self.final_fixed, name), getattr(self.advanced, name)
            if ours != theirs:
                raise ValueError(f'both members need the same {name}, got {ours} and {theirs}')

    @property
    def history_s(self) -> tuple[float, ...]:
        """Return the ages of the earlier frames, s."""
        return self.final_fixed.history_s

    @property
    def chunk(self) -> int:
        """Return how many commands come at once."""
        return self.final_fixed.chunk


class HybridEnsemble(nn.Module):
    """w * final_fixed + (1 - w) * advanced; w is learned and stays between 0 and 1."""

    config_class = HybridConfig

    def __init__(self, config: HybridConfig = HybridConfig()):
        super().__init__()
        self.config = config
        self.final_fixed = FinalFixed(config.final_fixed)
        self.advanced = Advanced(config.advanced)
        share = config.ensemble_weight
        self.logit = nn.Parameter(torch.tensor(math.log(share / (1 - share))))

    @property
    def weight(self) -> torch.Tensor:
        """Return the share of final_fixed."""
        return torch.sigmoid(self.logit)

    @property
    def members(self) -> list[FinalFixed]:
        """Return the networks that listen and look, each on its own."""
        return [self.final_fixed, self.advanced]

    @property
    def memory(self) -> int:
        """Return how many values are kept of a frame, for both members."""
        return sum(member.memory for member in self.members)

    def listen(self, text: torch.Tensor) -> torch.Tensor:
        """Take (batch, 512), return both members' words side by side."""
        return torch.cat([member.listen(text) for member in self.members], -1)

    def look(self, grid: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Take grid (batch, CHANNELS, GRID, GRID) and both members' words, return both looks."""
        return torch.cat([member.look(grid, own)
                          for member, own in zip(self.members, self._split(words))], -1)

    def act(self, looks: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Take looks (batch, frames, memory), newest first, words; give (batch, chunk, 3)."""
        parts = looks.split([member.memory for member in self.members], -1)
        first, second = (member.act(own_looks, own_words) for member, own_looks, own_words in zip(
            self.members, parts, self._split(words)))
        return self.weight * first + (1 - self.weight) * second

    forward = FinalFixed.forward

    def _split(self, words: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return words.split([member.config.words for member in self.members], -1)
