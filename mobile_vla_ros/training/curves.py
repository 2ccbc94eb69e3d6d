"""How a training went, as a picture and for TensorBoard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

from mobile_vla_ros.environment.packages import missing

matplotlib.use('Agg')
AXES = (('forward', 'm/s', '#0072b2'), ('left', 'm/s', '#d55e00'), ('turn', 'rad/s', '#009e73'))


@contextmanager
def tensorboard(folder: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """
    Yield a function that writes an epoch's row into an event file in `folder`.

    :raises ValueError: if the package for it is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ValueError(f'--tensorboard {missing(error)}') from error
    writer = SummaryWriter(str(folder), flush_secs=2)

    def write_row(row: dict[str, Any]) -> None:
        for name, key in (('loss/training', 'train_loss'), ('loss/held_out', 'loss')):
            writer.add_scalar(name, row[key], row['epoch'])
        for (axis, _, _), mae, constant in zip(AXES, row['mae'], row['constant_mae']):
            writer.add_scalar(f'error/{axis}', mae, row['epoch'])
            writer.add_scalar(f'constant_error/{axis}', constant, row['epoch'])
    try:
        yield write_row
    finally:
        writer.close()


def draw(history: list[dict[str, Any]], path: Path) -> None:
    """Write a PNG: loss by epoch, and the error of each axis beside a constant command's."""
    from matplotlib import pyplot
    epochs = [row['epoch'] for row in history]
    best = min(history, key=lambda row: row['loss'])
    figure, (loss, error) = pyplot.subplots(1, 2, figsize=(10, 4), layout='constrained')
    loss.plot(epochs, [row['train_loss'] for row in history], 'o-', ms=3, color='#6b7785',
              label='training, with dropout')
    loss.plot(epochs, [row['loss'] for row in history], 'o-', ms=3, color='#0072b2',
              label='held-out episodes')
    loss.plot(best['epoch'], best['loss'], 'o', ms=10, mfc='none', color='#0072b2',
              label=f'kept: epoch {best["epoch"]}')
    loss.set(title='loss', xlabel='epoch', ylim=(0, None))
    for i, (name, unit, color) in enumerate(AXES):
        error.plot(epochs, [row['mae'][i] for row in history], 'o-', ms=3, color=color,
                   label=f'{name} ({unit})')
        error.axhline(best['constant_mae'][i], color=color, ls=':', lw=1.5)
    error.set(title='held-out error (MAE); dotted: a constant', xlabel='epoch',
              ylim=(0, None))
    for part in (loss, error):
        part.xaxis.get_major_locator().set_params(integer=True)
        part.spines[['top', 'right']].set_visible(False)
        part.legend(frameon=False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
