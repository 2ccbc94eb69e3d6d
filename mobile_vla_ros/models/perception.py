"""How every model starts: it listens to the words, and looks at a frame with them in mind."""

from dataclasses import dataclass

import torch
from torch import nn

from mobile_vla_ros.models import text as text_encoder, vision
from mobile_vla_ros.models.size_limits import check_ages, check_number, CHUNK, WIDEST


@dataclass(frozen=True)
class PerceptionConfig:
    """
    Everything that rebuilds a network; `history_s` are the ages of the earlier frames.

    Widths: `words` of a sentence, `width` of a cell and `kept` of it, `frame` of a look at one
    frame, `hidden` of the head.
    """

    hidden: int = 256
    words: int = 32
    width: int = 64
    kept: int = 24
    frame: int = 128
    dropout: float = 0.2
    z_weight: float = 0.05
    history_s: tuple[float, ...] = (0.4, 1.0, 2.0)
    chunk: int = 1

    def __post_init__(self) -> None:
        """
        Check every value.

        :raises ValueError: naming the value and what is allowed.
        """
        check_ages(self.history_s)
        object.__setattr__(self, 'history_s', tuple(self.history_s))
        for name in ('words', 'width', 'kept', 'frame'):
            check_number(name, getattr(self, name), 1, WIDEST, whole=True)
        check_number('hidden', self.hidden, 4, WIDEST, whole=True)  # quarters of it are taken
        check_number('chunk', self.chunk, 1, CHUNK, whole=True)
        check_number('dropout', self.dropout, 0, 0.99)
        check_number('z_weight', self.z_weight, -100, 100)


class Listen(nn.Module):
    """
    Reads from a sentence's embedding what the sentence asks for.

    Embeddings of different tasks lie close together: they differ more by the wording than by the
    task. So they are standardised, and this part is trained before driving is, and tells tasks
    apart from the start. Its output saturates, so that an unknown wording still means a clear
    left or right.
    """

    HIDDEN, DROPOUT = 128, 0.5
    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, config: PerceptionConfig):
        super().__init__()
        self.register_buffer('mean', torch.zeros(text_encoder.WIDTH))
        self.register_buffer('spread', torch.ones(text_encoder.WIDTH))
        self.enter = nn.Linear(text_encoder.WIDTH, self.HIDDEN)
        self.dropout = nn.Dropout(self.DROPOUT)
        self.leave = nn.Linear(self.HIDDEN, config.words)

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        """Take sentence embeddings (batch, 512), return (batch, words) in [-1, 1]."""
        hidden = torch.relu(self.enter((text - self.mean) / self.spread))
        return torch.tanh(self.leave(self.dropout(hidden)))


class Look(nn.Module):
    """
    Looks at one frame with the words in mind, and keeps where things are.

    The words modulate every cell (FiLM, Perez et al. 2018) before and after it sees its
    neighbours. Few channels are kept, but those of every cell, each with weights of its own.
    Attention over the cells drove no better, and was slower to learn where things are.
    """

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, config: PerceptionConfig):
        super().__init__()
        width = config.width
        # Pretrained features are many times larger than colours, which must not drown in them.
        self.register_buffer('mean', torch.zeros(vision.CHANNELS))
        self.register_buffer('spread', torch.ones(vision.CHANNELS))
        self.enter = nn.Linear(vision.CHANNELS, width)
        self.film = nn.Linear(config.words, 4 * width)
        self.around = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.mix = nn.Linear(width, width)
        self.narrow = nn.Linear(width, config.kept)
        self.leave = nn.Linear(vision.GRID ** 2 * config.kept, config.frame)

    def forward(self, grid: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Take grid (batch, CHANNELS, GRID, GRID), words (batch, words); give (batch, frame)."""
        x = self.enter((grid.flatten(2).transpose(1, 2) - self.mean) / self.spread)
        scale1, shift1, scale2, shift2 = self.film(words).unsqueeze(1).chunk(4, -1)
        x = torch.relu(x * (1 + scale1) + shift1)  # (batch, GRID * GRID, width)
        around = self.around(x.transpose(1, 2).unflatten(2, (vision.GRID, vision.GRID)))
        around = torch.relu(around.flatten(2).transpose(1, 2))
        x = x + torch.relu(self.mix(around) * (1 + scale2) + shift2)
        return torch.relu(self.leave(torch.relu(self.narrow(x)).flatten(1)))
