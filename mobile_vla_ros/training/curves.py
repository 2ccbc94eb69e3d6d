"""How a training went, as a picture."""

from pathlib import Path

import matplotlib

matplotlib.use('Agg')
AXES = (('forward', 'm/s', '#0072b2'), ('left', 'm/s', '#d55e00'), ('turn', 'rad/s', '#009e73'))


def draw(history: list[dict], path: Path) -> None:
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
    error.set(title='mean absolute error, held out; dotted: a constant command', xlabel='epoch',
              ylim=(0, None))
    for part in (loss, error):
        part.xaxis.get_major_locator().set_params(integer=True)
        part.spines[['top', 'right']].set_visible(False)
        part.legend(frameon=False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
