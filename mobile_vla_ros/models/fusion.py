"""AdaptiveFeatureFusion: vision and language are weighed anew for every input."""

import torch
from torch import nn


class AdaptiveFeatureFusion(nn.Module):
    """A small MLP on both modalities gives each a weight; the two weights sum to one."""

    def __init__(self, vision: int, language: int, hidden: int):
        super().__init__()
        self.weigh = nn.Sequential(nn.Linear(vision + language, hidden), nn.ReLU(),
                                   nn.Linear(hidden, 2), nn.Softmax(-1))

    def forward(self, vision: torch.Tensor, language: torch.Tensor) -> torch.Tensor:
        """Take (batch, vision) and (batch, language), return (batch, vision + language)."""
        weights = self.weigh(torch.cat([vision, language], -1))  # (batch, 2)
        return torch.cat([vision * weights[:, :1], language * weights[:, 1:]], -1)
