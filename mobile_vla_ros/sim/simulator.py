"""The simulator as a plain library: reset to a scenario, step, render, judge."""

from dataclasses import asdict, dataclass
import math
from typing import Any

import mujoco
import numpy as np

from mobile_vla_ros.contract import Command, STOP
from mobile_vla_ros.sim import world
from mobile_vla_ros.sim.scenario import Scenario, SET_OFF, STOP_WITHIN

MAX_SPEED = np.array([0.5, 0.5, 1.0])  # m/s, m/s, rad/s in the base's frame
MAX_ACCELERATION = np.array([1.5, 1.5, 4.0])  # m/s^2, m/s^2, rad/s^2
STOPPED_SPEED = 0.05  # m/s
STOPPED_FOR = 1.0  # s of standing still that end an episode
GRACE = 6.0  # s in which a base that has not set off yet may still do so
TIMEOUT = 25.0  # s


@dataclass(frozen=True)
class Outcome:
    """How an episode stands; once it is `done`, nothing in it can change."""

    done: bool
    success: bool
    stopped: bool
    contacts: int  # things touched: boxes, bottles, walls
    side: str | None  # on which the boxes were passed, None before
    side_ok: bool | None
    bottle: str | None  # colour of the nearest bottle within reach
    bottle_ok: bool
    distance_m: float  # from the base's centre to the target
    path_m: float  # driven so far
    seconds: float
    touched: tuple[str, ...] = ()  # their names

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), 'touched': list(self.touched)}


class Simulator:
    """An omni base with a camera in a room; deterministic for equal scenarios and commands."""

    def __init__(self, width: int = 640, height: int = 480):
        """Compile the world and, at the first `render`, open a context for width x height px."""
        self.width, self.height = width, height
        self.model = world.build_world()
        self.data = mujoco.MjData(self.model)
        # Without this, geoms that are moved at run time are drawn at their compiled place.
        self.model.geom_sameframe[:] = 0
        self._base_geom = self._id('geom', 'base')
        joints = [self._id('joint', name) for name in ('x', 'y', 'yaw')]
        self._base_qpos = self.model.jnt_qposadr[joints]
        self._base_qvel = self.model.jnt_dofadr[joints]
        self._renderers: dict[tuple[int, int], mujoco.Renderer] = {}
        self._option = mujoco.MjvOption()
        self._option.geomgroup[3] = 0  # the robot does not see itself
        self._scenario: Scenario | None = None
        self._target_velocity = np.zeros(3)  # m/s, m/s, rad/s in the base's frame
        self._touched: set[int] = set()
        self._side: str | None = None
        self._still_s, self._path_m = 0.0, 0.0

    @property
    def scenario(self) -> Scenario:
        """
        Return the scene of the episode.

        :raises ValueError: before the first `reset`.
        """
        if self._scenario is None:
            raise ValueError('the simulator has no scene yet; call reset() with one first')
        return self._scenario

    def reset(self, scenario: Scenario) -> None:
        """Lay out `scenario` and put the base at its start, standing still."""
        self._scenario = scenario
        self._lay_out(scenario)
        mujoco.mj_resetData(self.model, self.data)
        for i in range(world.MAX_BOTTLES):
            start = self.model.jnt_qposadr[self._id('joint', f'bottle{i}')]
            if i < len(scenario.bottles):
                bottle = scenario.bottles[i]
                self.data.qpos[start:start + 3] = bottle.x, bottle.y, 0.0
            else:
                self.data.qpos[start:start + 3] = world.PARKED, 2 + i, 0.0
        for i in range(world.MAX_BOXES):
            place = self.model.body_mocapid[self._id('body', f'box{i}')]
            if i < len(scenario.boxes):
                box = scenario.boxes[i]
                self.data.mocap_pos[place] = box.x, box.y, box.half[2]
            else:
                self.data.mocap_pos[place] = world.PARKED, i, 0.1
        self.data.qpos[self._base_qpos] = scenario.start
        mujoco.mj_forward(self.model, self.data)
        self._target_velocity = np.zeros(3)
        self._touched, self._side = set(), None
        self._still_s, self._path_m = 0.0, 0.0

    def step(self, command: Command, duration_s: float = 0.1) -> None:
        """
        Hold `command` for `duration_s`; speed and acceleration are limited as on a real base.

        :raises ValueError: for a command that is not finite; the base keeps its last one.
        """
        wanted = np.asarray(command, dtype=float)
        if not np.isfinite(wanted).all():
            raise ValueError(f'a command must be finite, got {tuple(command)}')
        wanted = np.clip(wanted, -MAX_SPEED, MAX_SPEED)
        dt = world.TIMESTEP
        for _ in range(max(1, round(duration_s / dt))):
            change = np.clip(wanted - self._target_velocity,
                             -MAX_ACCELERATION * dt, MAX_ACCELERATION * dt)
            self._target_velocity += change
            vx, vy, wz = self._target_velocity
            yaw = self.pose[2]
            self.data.ctrl[:] = (math.cos(yaw) * vx - math.sin(yaw) * vy,
                                 math.sin(yaw) * vx + math.cos(yaw) * vy, wz)
            mujoco.mj_step(self.model, self.data)
            self._watch(dt)

    def stop_at_once(self) -> None:
        """Forget the commanded velocity, as a base does whose own timeout has run out."""
        self._target_velocity[:] = STOP

    def render(self, camera: str = 'camera', size: tuple[int, int] | None = None) -> np.ndarray:
        """Return RGB uint8 (height, width, 3) of 'camera' or 'overhead'; size: (width, height)."""
        width, height = size or (self.width, self.height)
        if (width, height) not in self._renderers:
            self._renderers[width, height] = mujoco.Renderer(self.model, height, width)
        renderer = self._renderers[width, height]
        option = self._option if camera == 'camera' else mujoco.MjvOption()
        option.geomgroup[3] = camera != 'camera'
        renderer.update_scene(self.data, camera, option)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            renderer.scene.flags[flag] = 0
        return renderer.render()

    def scan(self) -> np.ndarray:
        """Return ranges (n,) in m around the base, from straight back on counter-clockwise."""
        x, y, yaw = self.pose
        angles = yaw - math.pi + 2.0 * math.pi / world.SCAN_RAYS * np.arange(world.SCAN_RAYS)
        rays = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], -1)
        ranges, geoms = np.empty(len(rays)), np.empty(len(rays), np.int32)
        mujoco.mj_multiRay(self.model, self.data, np.array([x, y, world.SCANNER]), rays.ravel(),
                           None, True, self._id('body', 'base'), geoms, ranges, None, len(rays),
                           mujoco.mjMAXVAL)
        return np.where(geoms < 0, np.inf, ranges)

    @property
    def time_s(self) -> float:
        """Return simulated seconds since `reset`."""
        return float(self.data.time)

    @property
    def pose(self) -> tuple[float, float, float]:
        """Return the base's x m, y m, yaw rad in the world."""
        x, y, yaw = self.data.qpos[self._base_qpos].tolist()
        return x, y, yaw

    @property
    def velocity(self) -> tuple[float, float, float]:
        """Return vx m/s, vy m/s, wz rad/s in the base's own frame."""
        vx, vy, wz = self.data.qvel[self._base_qvel].tolist()
        cos, sin = math.cos(self.pose[2]), math.sin(self.pose[2])
        return cos * vx + sin * vy, -sin * vx + cos * vy, wz

    @property
    def camera_matrix(self) -> np.ndarray:
        """Return the pinhole matrix K (3, 3) in pixels for width x height."""
        fovy = math.radians(float(self.model.cam_fovy[self._id('camera', 'camera')]))
        focal = self.height / 2 / math.tan(fovy / 2)
        return np.array([[focal, 0, self.width / 2], [0, focal, self.height / 2], [0, 0, 1]])

    @property
    def camera_pose(self) -> tuple[tuple[float, float, float],
                                   tuple[float, float, float, float]]:
        """Return the optical frame's place on the base: x, y, z in m; quaternion x, y, z, w."""
        camera = self._id('camera', 'camera')
        place_x, place_y, place_z = self.model.cam_pos[camera].tolist()
        w, x, y, z = self.model.cam_quat[camera].tolist()
        # MuJoCo's camera looks along -z with y up; half a turn around x makes it z and y down.
        return (place_x, place_y, place_z), (w, z, -y, -x)

    def outcome(self) -> Outcome:
        """Judge the episode so far by the task of its scenario."""
        x, y, _ = self.pose
        reach = {bottle.color: math.hypot(bottle.x - x, bottle.y - y)
                 for bottle in self.scenario.bottles}
        nearest = min(reach, key=reach.__getitem__)
        bottle = nearest if reach[nearest] <= STOP_WITHIN else None
        stopped = self._still_s >= STOPPED_FOR and (self._path_m > SET_OFF or self.time_s > GRACE)
        side_ok = None if self._side is None else self._side == self.scenario.side
        bottle_ok = bottle == self.scenario.color
        success = bool(stopped and bottle_ok and side_ok and not self._touched)
        return Outcome(
            done=stopped or bool(self._touched) or self.time_s >= TIMEOUT, success=success,
            stopped=stopped, contacts=len(self._touched), side=self._side, side_ok=side_ok,
            bottle=bottle, bottle_ok=bottle_ok, distance_m=reach[self.scenario.color],
            path_m=self._path_m, seconds=self.time_s,
            touched=tuple(sorted({self._name(number) for number in self._touched})))

    def close(self) -> None:
        """Free the rendering contexts."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _watch(self, dt: float) -> None:
        """Record contacts, standing still and the side of passing."""
        vx, vy, wz = self.velocity
        speed = math.hypot(vx, vy)
        self._path_m += speed * dt
        self._still_s = self._still_s + dt if speed < STOPPED_SPEED and abs(wz) < 0.1 else 0.0
        pairs = self.data.contact.geom  # (contacts, 2)
        touching = (pairs == self._base_geom).any(axis=1) & (self.data.contact.dist <= 0)
        for geom in set(pairs[touching].flatten().tolist()) - {self._base_geom}:
            # The parts of a bottle share a body; boxes and walls all belong to the world's.
            self._touched.add(int(self.model.geom_bodyid[geom]) or -geom)
        if self._side is None:
            x_min, x_max, y_min, y_max = self.scenario.obstacle
            x, y, _ = self.pose
            if x >= (x_min + x_max) / 2:
                self._side = 'left' if y > (y_min + y_max) / 2 else 'right'

    def _name(self, touched: int) -> str:
        """Return the name of a thing in `_touched`."""
        if touched < 0:
            return 'a wall'
        kind, number = self.model.body(touched).name[:-1], int(self.model.body(touched).name[-1])
        return f'the {self.scenario.bottles[number].color} bottle' if kind == 'bottle' else 'a box'

    def _lay_out(self, scenario: Scenario) -> None:
        model, look = self.model, scenario.look
        for i, box in enumerate(scenario.boxes):
            geom = self._id('geom', f'box{i}')
            model.geom_size[geom] = box.half
            model.geom_rbound[geom] = math.sqrt(sum(h * h for h in box.half))
            model.geom_aabb[geom] = (0, 0, 0, *box.half)
            self._paint(geom, box.rgb, box.texture)
        for i, bottle in enumerate(scenario.bottles):
            for part in ('bottle', 'neck'):
                model.geom_rgba[self._id('geom', f'{part}{i}'), :3] = bottle.rgb
        self._paint(self._id('geom', 'floor'), look.floor_rgb, look.floor_texture)
        for i in range(4):
            self._paint(self._id('geom', f'wall{i}'), look.wall_rgb, look.wall_texture)
        model.vis.headlight.ambient[:] = look.ambient
        model.vis.headlight.diffuse[:] = 0.2
        lamp = self._id('light', 'lamp')
        direction = np.array([*look.light_xy, -3.0])
        model.light_dir[lamp] = direction / np.linalg.norm(direction)
        model.light_diffuse[lamp] = look.diffuse
        camera = self._id('camera', 'camera')
        model.cam_pos[camera] = np.add(world.CAMERA, look.camera_offset)
        model.cam_quat[camera] = _camera_quaternion(
            world.CAMERA_PITCH + look.camera_tilt[0], look.camera_tilt[1])
        model.cam_fovy[camera] = world.FOVY + look.fovy_offset

    def _paint(self, geom: int, rgb: tuple[float, float, float], texture: int) -> None:
        self.model.geom_rgba[geom] = (*rgb, 1.0)
        self.model.geom_matid[geom] = self._id('material', f'm{texture}')

    def _id(self, kind: str, name: str) -> int:
        number: int = getattr(self.model, kind)(name).id
        return number


def _camera_quaternion(pitch: float, roll: float) -> np.ndarray:
    """Return MuJoCo's camera orientation (w, x, y, z): forward +x, tilted down by `pitch` rad."""
    cp, sp, cr, sr = math.cos(pitch), math.sin(pitch), math.cos(roll), math.sin(roll)
    forward = np.array([cp, 0, -sp])
    right = np.array([0, -1, 0])
    up = np.cross(right, forward)
    right, up = cr * right + sr * up, cr * up - sr * right
    matrix = np.column_stack([right, up, -forward])  # MuJoCo cameras look along their -z
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, matrix.flatten())
    return quaternion
