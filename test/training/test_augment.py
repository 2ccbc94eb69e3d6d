"""One drive as several: what each recipe changes, by as much as it says, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from mobile_vla_ros.training.augment import Augmentation, AUGMENTATIONS, vary

PLAIN = Augmentation(copies=3, pace=(1.0, 1.0), shift=0.0, zoom=0.0, light=0.0, colour=0.0,
                     noise=0.0, blur=0)
COMMANDS = np.random.default_rng(0).uniform(-1, 1, (20, 3)).astype(np.float32)
IMAGES = np.full((20, 40, 60, 3), 20, np.uint8)
IMAGES[:, 15:25, 25:35] = 200  # a square in the middle of every picture
IMAGES[:, 0, 0] = np.arange(20)[:, None]  # which numbers it


def some(recipe, count=20, images=IMAGES):
    return [vary(images, COMMANDS, recipe, np.random.default_rng(seed)) for seed in range(count)]


def place(image):
    """Return the middle (x, y) of what is bright in a picture, and its width, px."""
    rows, columns = np.nonzero(image[..., 0] > 110)
    return np.array([columns.mean(), rows.mean()]), columns.max() - columns.min() + 1


def test_a_recipe_that_changes_nothing_changes_nothing():
    images, commands = vary(IMAGES, COMMANDS, PLAIN, np.random.default_rng(0))
    assert np.array_equal(images, IMAGES) and np.array_equal(commands, COMMANDS)


@pytest.mark.parametrize('pace', [0.5, 0.8, 1.25, 2.0])
def test_what_is_driven_faster_is_faster_on_every_axis_and_over_sooner(pace):
    images, commands = vary(IMAGES, COMMANDS, replace(PLAIN, pace=(pace, pace)),
                            np.random.default_rng(0))
    rows = images[:, 0, 0, 0].astype(int)
    assert len(images) == len(commands) == pytest.approx(20 / pace, abs=1)
    assert np.abs(rows - np.arange(len(rows)) * pace).max() <= 0.5
    assert commands == pytest.approx(COMMANDS[rows] * pace, rel=1e-6)
    assert rows[0] == 0 and rows[-1] >= 19 - pace


@pytest.mark.parametrize('distance, slowest, fastest', [
    ('close', 0.6, 1.0), ('medium', 0.85, 1.15), ('far', 1.0, 1.4)])
def test_near_things_are_driven_to_slowly_and_far_ones_fast(distance, slowest, fastest):
    recipe = replace(PLAIN, pace=AUGMENTATIONS[distance].pace)
    paces = [np.median(commands[:5] / COMMANDS[images[:5, 0, 0, 0]])
             for images, commands in some(recipe, 60)]
    assert slowest - 1e-6 <= min(paces) < slowest + 0.1 * (fastest - slowest)
    assert fastest + 1e-6 >= max(paces) > fastest - 0.1 * (fastest - slowest)


def test_a_shift_moves_all_pictures_of_a_copy_alike_by_up_to_its_share():
    shifts = []
    for images, commands in some(replace(PLAIN, shift=0.1)):
        moved = np.array([place(image)[0] - place(IMAGES[0])[0] for image in images])
        assert moved == pytest.approx(np.tile(moved[0], (20, 1)))
        assert np.array_equal(commands, COMMANDS)
        shifts.append(moved[0])
    most = np.abs(shifts).max(0)
    assert (0.7 * np.array([6.0, 4.0]) < most).all() and (most < [6.6, 4.6]).all()
    assert (np.min(shifts, 0) < 0).all() and (np.max(shifts, 0) > 0).all()


def test_a_zoom_is_about_the_middle():
    widths = []
    for images, _ in some(replace(PLAIN, zoom=0.3)):
        middle, width = place(images[0])
        assert middle == pytest.approx(place(IMAGES[0])[0], abs=0.51)
        widths.append(width)
    assert 7 <= min(widths) < 9 and 11 < max(widths) <= 13


def test_light_and_colour_are_a_copys_own():
    for change, alike in (({'light': 0.2}, True), ({'colour': 0.2}, False)):
        gains = []
        for images, _ in some(replace(PLAIN, **change)):
            pixel = images[:, 20, 30].astype(float)
            assert (pixel == pixel[0]).all()
            gains.append(pixel[0] / 200)
        gains = np.array(gains)
        assert 0.79 < gains.min() < 0.9 and 1.1 < gains.max() < 1.21
        assert (np.ptp(gains, 1).max() < 0.01) == alike


def test_noise_is_every_pictures_own_and_blur_goes_to_the_side():
    images, _ = vary(IMAGES, COMMANDS, replace(PLAIN, noise=4.0), np.random.default_rng(0))
    off = images[:, 1:14].astype(float) - 20
    assert off.std() == pytest.approx(4.0, rel=0.1) and abs(off.mean()) < 1
    assert not np.array_equal(images[3], images[4])
    widths = set()
    for images, _ in some(replace(PLAIN, blur=4)):
        grey = (images[0, :, :, 0] > 21) & (images[0, :, :, 0] < 199)
        grey[0] = False
        widths.add(int(grey[20].sum()))
        assert not grey[14].any() and not grey[25].any(), 'nothing runs up or down'
    assert min(widths) == 0 and max(widths) > 4


def test_the_recipes_are_the_design_notes():
    recipes = [AUGMENTATIONS[name] for name in ('close', 'medium', 'far')]
    assert [recipe.copies for recipe in recipes] == [8, 5, 8]
    for name in ('shift', 'zoom', 'blur'):
        close, medium, far = (getattr(recipe, name) for recipe in recipes)
        assert 0 <= close < medium < far, f'what is near must be where it seems to be: {name}'


def test_every_recording_is_varied_by_the_recipe_of_its_own_distance(tmp_path):
    pytest.importorskip('torch')
    pytest.importorskip('rosbags')
    from support import bags
    from mobile_vla_ros.cli import dataset as verb
    from mobile_vla_ros.training.shards import read_shards
    for distance in AUGMENTATIONS:
        bags.write(tmp_path / 'bags' / distance, seconds=2.0, hz=5.0, size=(32, 24),
                   info={'distance': distance})
    out = str(tmp_path / 'out')
    assert verb.main(['build', *map(str, (tmp_path / 'bags').iterdir()), '--out', out,
                      '--augment', 'recorded']) == 0
    found = {distance: [len(e.grids) for e in read_shards(out) if e.name == distance]
             for distance in AUGMENTATIONS}
    assert {distance: len(lengths) for distance, lengths in found.items()} == {
        'close': 8, 'medium': 5, 'far': 8}
    plain = found['close'][0]
    assert min(found['close']) == plain < max(found['close']), 'driven slowly'
    assert max(found['far']) == plain > min(found['far']), 'driven fast'


def test_the_recipes_differ_in_pace_and_in_what_they_show():
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(0, 255, (1, 64, 64, 3), dtype=np.uint8), 60, 0)
    commands = np.tile(np.float32([0.4, 0.1, 0.0]), (60, 1))
    paces, moved = {}, {}
    for name, recipe in AUGMENTATIONS.items():
        copies = [vary(images, commands, recipe, rng) for _ in range(30)]
        for seen, driven in copies:
            assert seen.dtype == np.uint8 and len(seen) == len(driven)
            path = driven[:, 0].sum()
            assert path == pytest.approx(commands[:, 0].sum(), rel=0.05), 'as far, only faster'
            assert driven[0, 1] / driven[0, 0] == pytest.approx(0.25)
        paces[name] = np.array([driven[0, 0] / 0.4 for _, driven in copies])
        moved[name] = np.median([np.abs(seen[0] - images[0].astype(float)).mean()
                                 for seen, _ in copies])
    assert paces['close'].max() <= 1.0 <= paces['far'].min()
    assert paces['medium'].min() < 1.0 < paces['medium'].max()
    assert moved['close'] < moved['medium'] < moved['far']
