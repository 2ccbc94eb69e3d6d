"""The design note's loss: MSE plus a tenth of L1, with a damped z axis."""

import torch
from torch.nn import functional

L1_SHARE = 0.1


def weighted_loss(predicted: torch.Tensor, target: torch.Tensor,
                  z_weight: float = 0.05) -> torch.Tensor:
    """
    Return the loss over (batch, chunk, 3), prediction and target weighted by [1, 1, z_weight].

    These weights are constants: learnable ones could shrink, and the loss with them.
    """
    weights = predicted.new_tensor([1.0, 1.0, z_weight])
    predicted, target = predicted * weights, target * weights
    return functional.mse_loss(predicted, target) \
        + L1_SHARE * functional.l1_loss(predicted, target)
