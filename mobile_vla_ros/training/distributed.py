"""Processes that train one model together, as `torchrun` starts them; alone without it."""

import os

import torch
from torch import distributed


class Team:
    """The place of this process among those that train; all of them hold the same weights."""

    def __init__(self):
        """Join the processes that `torchrun` started with this one, if it did."""
        self.size, self.rank = int(os.environ.get('WORLD_SIZE', 1)), int(os.environ.get('RANK', 0))
        if self.size > 1 and not distributed.is_initialized():
            distributed.init_process_group('cpu:gloo,cuda:nccl' if torch.cuda.is_available()
                                           else 'gloo')

    @property
    def leads(self) -> bool:
        """Tell whether this process is the one that shows progress and writes files."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """Return what this process computes on: a GPU of its own where there are any."""
        if not torch.cuda.is_available():
            return torch.device('cpu')
        return torch.device('cuda', int(os.environ.get('LOCAL_RANK', 0)))

    def share(self, rows):
        """Return those of a batch's rows that are this process's."""
        return rows[self.rank::self.size]

    def weigh(self, loss: torch.Tensor, frames: int) -> torch.Tensor:
        """Return the part that a mean over this process's frames has in the whole batch's."""
        if self.size == 1:
            return loss
        total = torch.tensor(float(frames), device=loss.device)
        distributed.all_reduce(total)
        return loss * (frames / total)

    def sum_up(self, model: torch.nn.Module, loss: torch.Tensor) -> None:
        """Give every process the gradients and the loss of the whole batch, in one exchange."""
        if self.size == 1:
            return
        values = [loss.detach()]
        for parameter in model.parameters():
            if parameter.requires_grad:
                if parameter.grad is None:  # this process had no share
                    parameter.grad = torch.zeros_like(parameter)
                values.append(parameter.grad)
        flat = torch.cat([value.flatten() for value in values])
        distributed.all_reduce(flat)
        for value, part in zip(values, flat.split([value.numel() for value in values])):
            value.copy_(part.view_as(value))

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        """Return every process's values (n,) as (processes, n), in all of them."""
        if self.size == 1:
            return values[None]
        found = [torch.empty_like(values) for _ in range(self.size)]
        distributed.all_gather(found, values)
        return torch.stack(found)

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.size > 1:
            distributed.barrier()
