"""Processes that train one model together, as `torchrun` starts them; one process without it."""

import atexit
import os
from typing import Any

import torch
from torch import distributed


def _leave() -> None:
    """Leave the group before Python ends: its threads would abort a process that still has one."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


class ProcessGroup:
    """The processes that train together, and this one's rank; all hold the same weights."""

    def __init__(self) -> None:
        """Join the processes that `torchrun` started, if it started this one."""
        self.size, self.rank = int(os.environ.get('WORLD_SIZE', 1)), int(os.environ.get('RANK', 0))
        if self.size > 1 and not distributed.is_initialized():
            distributed.init_process_group('cpu:gloo,cuda:nccl' if torch.cuda.is_available()
                                           else 'gloo')
            atexit.register(_leave)

    @property
    def is_main(self) -> bool:
        """Tell whether this process shows the progress and writes the files."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """Return the device of this process: a GPU of its own where there are any."""
        if not torch.cuda.is_available():
            return torch.device('cpu')
        return torch.device('cuda', int(os.environ.get('LOCAL_RANK', 0)))

    def own_rows(self, rows: list[Any]) -> list[Any]:
        """Return this process's share of a batch's rows."""
        return rows[self.rank::self.size]

    def weigh(self, loss: torch.Tensor, frames: int) -> torch.Tensor:
        """Scale the mean loss over this process's frames to its part of the batch's mean."""
        if self.size == 1:
            return loss
        total = torch.tensor(float(frames), device=loss.device)
        distributed.all_reduce(total)
        return loss * (frames / total)

    def sum_gradients(self, model: torch.nn.Module, loss: torch.Tensor) -> None:
        """Give every process the gradients and the loss of the whole batch, in one exchange."""
        if self.size == 1:
            return
        values = [loss.detach()]
        for parameter in model.parameters():
            if parameter.requires_grad:
                if parameter.grad is None:  # this process had no row of the batch
                    parameter.grad = torch.zeros_like(parameter)
                values.append(parameter.grad)
        flat = torch.cat([value.flatten() for value in values])
        distributed.all_reduce(flat)
        for value, part in zip(values, flat.split([value.numel() for value in values])):
            value.copy_(part.view_as(value))

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        """Return every process's values (n,) as (processes, n), in every process."""
        if self.size == 1:
            return values[None]
        gathered = [torch.empty_like(values) for _ in range(self.size)]
        distributed.all_gather(gathered, values)
        return torch.stack(gathered)

    def barrier(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            distributed.barrier()
