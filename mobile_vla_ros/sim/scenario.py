"""Scenes by seed: boxes to pass on the instructed side, and bottles; one is the target."""

import colorsys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mobile_vla_ros.contract import DISTANCES
from mobile_vla_ros.sim import language

SIDES = ('left', 'right')
ORIENTATIONS = ('vertical', 'horizontal')

BASE_RADIUS = 0.14  # m
BOTTLE_RADIUS = 0.045  # m
SET_OFF = 0.1  # m driven: with less, the base never set off
STOP_WITHIN = 0.35  # m, from the base's centre to the target bottle's

# Front face of the boxes, m ahead of the origin.
FRONT = dict(zip(DISTANCES, ((0.60, 0.75), (0.85, 1.05), (1.15, 1.35))))
# Lateral places of the bottles relative to the boxes' centre, m.
SLOTS = (-0.54, -0.18, 0.18, 0.54)

# Ranges of hue (degrees), saturation and value for each colour word; training scenes never have
# the 'held out' shades.
Range = tuple[float, float]
Triple = tuple[float, float, float]
SHADES: dict[str, dict[str, tuple[Range, Range, Range]]] = {
    'red': {'seen': ((-6, 5), (0.80, 1.0), (0.55, 0.90)),
            'held out': ((-4, 4), (0.72, 0.80), (0.90, 1.0))},
    'yellow': {'seen': ((50, 58), (0.80, 1.0), (0.75, 0.95)),
            'held out': ((47, 50), (0.72, 0.80), (0.85, 1.0))},
    'green': {'seen': ((110, 140), (0.70, 1.0), (0.40, 0.75)),
            'held out': ((140, 148), (0.60, 0.70), (0.60, 0.85))},
    'blue': {'seen': ((212, 232), (0.75, 1.0), (0.55, 0.95)),
            'held out': ((206, 212), (0.65, 0.75), (0.80, 1.0))},
    'purple': {'seen': ((280, 300), (0.60, 1.0), (0.45, 0.80)),
            'held out': ((274, 280), (0.50, 0.60), (0.70, 0.90))},
}
COLORS = tuple(SHADES)
TEXTURES = {'seen': tuple(range(8)), 'held out': (8, 9, 10)}
# Ranges of the light: ambient and diffuse strength 0..1, and the lamp's x, m. Held out: dimmer
# and brighter, and a lamp behind the robot or behind the bottles.
LIGHT: dict[str, dict[str, tuple[Range, ...]]] = {
    'seen': {'ambient': ((0.25, 0.5),), 'diffuse': ((0.3, 0.7),), 'lamp_x': ((-1, 3),)},
    'held out': {'ambient': ((0.15, 0.22), (0.53, 0.6)),
                 'diffuse': ((0.2, 0.27), (0.73, 0.8)), 'lamp_x': ((-3, -1.5), (3.5, 5))}}


@dataclass(frozen=True)
class Box:
    """A static box: centre (x, y), half sizes along x, y and z, all in m; rgb 0..1."""

    x: float
    y: float
    half: Triple
    rgb: Triple
    texture: int


@dataclass(frozen=True)
class Bottle:
    """A bottle that stands at (x, y) m."""

    color: str
    x: float
    y: float
    rgb: Triple


@dataclass(frozen=True)
class Look:
    """Everything that differs for the camera only."""

    floor_rgb: tuple[float, float, float]
    floor_texture: int
    wall_rgb: tuple[float, float, float]
    wall_texture: int
    ambient: float
    diffuse: float
    light_xy: tuple[float, float]
    camera_offset: tuple[float, float, float]  # m, added to the nominal place
    camera_tilt: tuple[float, float]  # rad, added to nominal pitch and roll
    fovy_offset: float  # degrees


@dataclass(frozen=True)
class Scenario:
    """One scene and the task in it; equal seeds give equal scenes."""

    seed: int
    box_count: int
    orientation: str
    distance: str
    side: str
    color: str
    instruction: str
    start: tuple[float, float, float]  # x m, y m, yaw rad
    boxes: tuple[Box, ...]
    bottles: tuple[Bottle, ...]
    look: Look

    @property
    def target(self) -> Bottle:
        """Return the bottle that the task asks for."""
        return next(bottle for bottle in self.bottles if bottle.color == self.color)

    @property
    def obstacle(self) -> tuple[float, float, float, float]:
        """Return x_min, x_max, y_min, y_max of all boxes together, m."""
        return (min(box.x - box.half[0] for box in self.boxes),
                max(box.x + box.half[0] for box in self.boxes),
                min(box.y - box.half[1] for box in self.boxes),
                max(box.y + box.half[1] for box in self.boxes))

    def with_task(self, side: str | None = None, color: str | None = None,
                  instruction: str | None = None) -> 'Scenario':
        """
        Return the same scene with another task.

        Without an instruction, `language` puts the task in words.

        :raises ValueError: for an unknown side or a colour that no bottle here has.
        """
        side = side or self.side
        color = color or self.color
        if side not in SIDES:
            raise ValueError(f'side {side!r} is not one of {", ".join(SIDES)}')
        present = [bottle.color for bottle in self.bottles]
        if color not in present:
            raise ValueError(f'scene {self.seed} has no {color} bottle; it has '
                             f'{", ".join(present)}: name one of these or take another seed')
        if instruction is None:
            instruction = language.sample(side, color, np.random.default_rng([self.seed, 1]))
        return replace(self, side=side, color=color, instruction=instruction)


def make_scenario(seed: int, held_out: bool = False) -> Scenario:
    """
    Return the scene of `seed`.

    :param held_out: give it shades, textures and light that no training scene has.
    :raises ValueError: if the seed is negative.
    """
    if seed < 0:
        raise ValueError(f'seed {seed} is negative: a scene seed is 0 or more')
    rng = np.random.default_rng([seed, 0])
    kind = 'held out' if held_out else 'seen'
    box_count = int(rng.integers(1, 3))
    orientation = str(rng.choice(ORIENTATIONS))
    distance = str(rng.choice(DISTANCES))
    side = str(rng.choice(SIDES))
    boxes = _place_boxes(rng, box_count, orientation, rng.uniform(*FRONT[distance]), kind)
    bottles = _place_bottles(rng, boxes, kind)
    color = bottles[int(rng.integers(len(bottles)))].color
    start = (float(rng.uniform(-0.1, 0.05)), float(rng.uniform(-0.2, 0.2)),
             float(rng.uniform(-0.12, 0.12)))
    scene = Scenario(seed, box_count, orientation, distance, side, color, '', start,
                     boxes, bottles, _draw_look(rng, kind))
    return scene.with_task()


def _place_boxes(rng: np.random.Generator, count: int, orientation: str, front: float,
                 kind: str) -> tuple[Box, ...]:
    long, short = rng.uniform(0.18, 0.28), rng.uniform(0.09, 0.15)  # half sizes, m
    height = rng.uniform(0.07, 0.11)
    y = float(rng.uniform(-0.1, 0.1))
    rgb, texture = _muted(rng), int(rng.choice(TEXTURES[kind]))
    along_x = orientation == 'vertical'
    if count == 1:
        half = (long, short, height) if along_x else (short, long, height)
        centers = [(front + half[0], y)]
    else:
        half = (short, short, height)
        step = 2 * short + rng.uniform(0.0, 0.10)
        if along_x:
            centers = [(front + short, y), (front + short + step, y)]
        else:
            centers = [(front + short, y - step / 2), (front + short, y + step / 2)]
    return tuple(Box(float(x), float(y), _triple(half), rgb, texture) for x, y in centers)


def _triple(values: Any) -> Triple:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _place_bottles(rng: np.random.Generator, boxes: tuple[Box, ...],
                   kind: str) -> tuple[Bottle, ...]:
    back = max(box.x + box.half[0] for box in boxes)
    middle = float(np.mean([box.y for box in boxes]))
    row = back + rng.uniform(1.0, 1.25)
    count = int(rng.integers(2, 5))
    slots = rng.permutation(SLOTS)[:count]
    colors = rng.permutation(COLORS)[:count]
    return tuple(Bottle(str(color), float(row + rng.uniform(-0.05, 0.05)),
                        float(middle + slot + rng.uniform(-0.05, 0.05)),
                        _shade(rng, str(color), kind))
                 for color, slot in zip(colors, slots))


def _shade(rng: np.random.Generator, color: str, kind: str) -> Triple:
    hue, saturation, value = (rng.uniform(*span) for span in SHADES[color][kind])
    return _hsv(hue, saturation, value)


def _hsv(hue: float, saturation: float, value: float) -> Triple:
    return _triple(colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value))


def _muted(rng: np.random.Generator, value: Range = (0.25, 0.9)) -> Triple:
    """Return a colour so grey that nobody takes it for a bottle's."""
    return _hsv(rng.uniform(0, 360), rng.uniform(0.0, 0.35), rng.uniform(*value))


def _light(rng: np.random.Generator, name: str, kind: str) -> float:
    ranges = LIGHT[kind][name]
    span = ranges[rng.integers(len(ranges))] if len(ranges) > 1 else ranges[0]
    return float(rng.uniform(*span))


def _draw_look(rng: np.random.Generator, kind: str) -> Look:
    textures = TEXTURES[kind]
    return Look(
        floor_rgb=_muted(rng), floor_texture=int(rng.choice(textures)),
        wall_rgb=_muted(rng, (0.4, 1.0)), wall_texture=int(rng.choice(textures)),
        ambient=_light(rng, 'ambient', kind), diffuse=_light(rng, 'diffuse', kind),
        light_xy=(_light(rng, 'lamp_x', kind), float(rng.uniform(-2, 2))),
        camera_offset=_triple(rng.uniform(-0.015, 0.015, 3)),
        camera_tilt=(float(rng.uniform(-0.035, 0.035)), float(rng.uniform(-0.035, 0.035))),
        fovy_offset=float(rng.uniform(-2, 2)))
