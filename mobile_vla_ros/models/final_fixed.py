"""FinalFixed: a simple action head with a damped z, on features that know where things are."""

from dataclasses import dataclass

import torch
from torch import nn

from mobile_vla_ros.contract import AXES
from mobile_vla_ros.models import text as text_encoder
from mobile_vla_ros.models import vision


@dataclass(frozen=True)
class FinalFixedConfig:
    """Everything that rebuilds the network; `history_s` are the ages of the earlier frames."""

    hidden: int = 256
    width: int = 64
    heads: int = 6
    frame: int = 128
    dropout: float = 0.2
    z_weight: float = 0.05
    history_s: tuple[float, ...] = (0.4, 1.0)
    chunk: int = 1

    def __post_init__(self):
        """
        Check every value.

        :raises ValueError: naming the value and what is allowed.
        """
        object.__setattr__(self, 'history_s', tuple(self.history_s))
        for name in ('hidden', 'width', 'heads', 'frame', 'chunk'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be 1 or more, got {getattr(self, name)}')
        if not 0 <= self.dropout < 1:
            raise ValueError(f'dropout must be in [0, 1), got {self.dropout}')
        if any(age <= 0 for age in self.history_s):
            raise ValueError(f'history_s must be ages > 0 s, got {self.history_s}')


class TextGuidedLook(nn.Module):
    """
    What the sentence asks for in one frame, and where it is.

    The text modulates every cell (FiLM, Perez et al. 2018) and asks the queries of an attention
    over the cells; beside what it finds, each head tells the place it looked at.
    """

    def __init__(self, config: FinalFixedConfig):
        super().__init__()
        self.heads, width = config.heads, config.width
        self.enter = nn.Linear(vision.CHANNELS + 2, width)
        self.film = nn.Linear(text_encoder.WIDTH, 4 * width)
        self.spread = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.mix = nn.Linear(width, width)
        self.query = nn.Linear(text_encoder.WIDTH, config.heads * width)
        self.key = nn.Linear(width, width)
        self.leave = nn.Linear(config.heads * (width + 2), config.frame)
        step = torch.linspace(-1, 1, vision.GRID)
        rows, columns = torch.meshgrid(step, step, indexing='ij')
        # Pretrained features are many times larger than colours, which must not drown in them.
        self.register_buffer('grid_mean', torch.zeros(vision.CHANNELS))
        self.register_buffer('grid_spread', torch.ones(vision.CHANNELS))
        self.register_buffer('places', torch.stack([rows, columns], -1).reshape(-1, 2),
                             persistent=False)  # (196, 2)

    def forward(self, grid: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Take grid (batch, CHANNELS, 14, 14), heard text (batch, 512); return (batch, frame)."""
        batch, cells = grid.shape[0], vision.GRID * vision.GRID
        places = self.places.expand(batch, cells, 2)
        x = (grid.flatten(2).transpose(1, 2) - self.grid_mean) / self.grid_spread
        x = torch.cat([x, places], -1)  # (batch, 196, 162)
        x = self.enter(x)  # (batch, 196, width)
        scale1, shift1, scale2, shift2 = self.film(text).unsqueeze(1).chunk(4, -1)
        x = torch.relu(x * (1 + scale1) + shift1)
        image = x.transpose(1, 2).reshape(batch, -1, vision.GRID, vision.GRID)
        local = self.spread(image).flatten(2).transpose(1, 2)  # (batch, 196, width)
        x = x + torch.relu(self.mix(torch.relu(local)) * (1 + scale2) + shift2)
        query = self.query(text).reshape(batch, self.heads, -1)  # (batch, heads, width)
        score = query @ self.key(x).transpose(1, 2) / x.shape[-1] ** 0.5  # (batch, heads, 196)
        found = torch.softmax(score, -1) @ torch.cat([x, places], -1)  # (batch, heads, width + 2)
        return torch.relu(self.leave(found.flatten(1)))


class FinalFixed(nn.Module):
    """
    The model of the design note: features -> LayerNorm -> Dropout -> simple action head.

    The output is multiplied by a learnable weight per axis, which starts at [1, 1, z_weight].
    """

    config_class = FinalFixedConfig

    def __init__(self, config: FinalFixedConfig = FinalFixedConfig()):
        super().__init__()
        self.config = config
        frames = 1 + len(config.history_s)
        # Sentences of one task family lie close together; spread out, they are told apart sooner.
        self.register_buffer('text_mean', torch.zeros(text_encoder.WIDTH))
        self.register_buffer('text_spread', torch.ones(text_encoder.WIDTH))
        self.look = TextGuidedLook(config)
        self.say = nn.Linear(text_encoder.WIDTH, config.frame)
        self.fuse = nn.Linear((frames + 1) * config.frame, config.hidden)
        self.layer_norm = nn.LayerNorm(config.hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.action_head = nn.Sequential(
            nn.Linear(config.hidden, config.hidden // 2), nn.ReLU(),
            nn.Linear(config.hidden // 2, config.chunk * len(AXES)))
        self.axis_weight = nn.Parameter(torch.tensor([1.0, 1.0, config.z_weight]))

    def hear(self, text: torch.Tensor) -> torch.Tensor:
        """Return sentence embeddings (batch, 512) standardised as those of training."""
        return (text - self.text_mean) / self.text_spread

    def act(self, looks: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Take looks (batch, frames, frame), newest first, heard text; give (batch, chunk, 3)."""
        features = torch.cat([looks.flatten(1), torch.relu(self.say(text))], -1)
        hidden = self.dropout(self.layer_norm(torch.relu(self.fuse(features))))  # (batch, hidden)
        actions = self.action_head(hidden).reshape(-1, self.config.chunk, len(AXES))
        return actions * self.axis_weight

    def forward(self, grid: torch.Tensor, past: torch.Tensor,
                text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Take grid (batch, CHANNELS, 14, 14), past looks (batch, ages, frame), text (batch, 512).

        :returns: commands (batch, chunk, 3), and the look at this grid (batch, frame), which a
            later call takes as past: no frame is looked at twice.
        """
        text = self.hear(text)
        look = self.look(grid, text)
        return self.act(torch.cat([look.unsqueeze(1), past], 1), text), look
