"""The MuJoCo model: one fixed world; a scenario moves, sizes and paints its parts."""

import mujoco

from mobile_vla_ros.sim.scenario import BASE_RADIUS, BOTTLE_RADIUS

MAX_BOXES, MAX_BOTTLES, MATERIALS = 2, 4, 11
TIMESTEP = 0.01  # s
MASS = 8.0  # kg
LAG = 0.10  # s, time constant of the base's velocity servo
CAMERA = (0.10, 0.0, 0.34)  # m from the base's centre at floor level
CAMERA_PITCH = 0.30  # rad, down
FOVY = 95.0  # degrees; 111 across at 4:3, so that the target stays in view without yawing
SCANNER = 0.11  # m, height of the laser scanner above the base's centre; it looks all around
SCAN_RAYS = 360  # a turn
LARGEST_HALF = 0.30  # m, of a box along any axis
ROOM = (-1.5, 4.6, 2.6)  # m: back wall, front wall, side walls
PARKED = -20.0  # m: unused things stand there, behind the back wall

_PATTERNS = (  # builtin pattern, two greys, random speckle
    ('flat', 0.9, 0.9, 0.0), ('checker', 0.95, 0.75, 0.0), ('checker', 0.9, 0.6, 0.05),
    ('gradient', 1.0, 0.6, 0.0), ('flat', 0.9, 0.9, 0.08), ('flat', 0.8, 0.8, 0.02),
    ('checker', 0.85, 0.8, 0.10), ('gradient', 0.7, 1.0, 0.03),
    ('checker', 1.0, 0.5, 0.02), ('flat', 0.95, 0.95, 0.15), ('gradient', 0.5, 1.0, 0.10))


def build_world() -> mujoco.MjModel:
    """Compile the world; a simulator edits it in place for each scenario."""
    return mujoco.MjModel.from_xml_string(f'''
<mujoco model="mobile_vla">
  <option timestep="{TIMESTEP}" integrator="implicitfast"/>
  <visual>
    <global offwidth="1280" offheight="960"/>
    <quality shadowsize="0" offsamples="0"/>
    <map znear="0.01" zfar="12"/>
  </visual>
  <!-- znear and zfar are multiples of the extent; parked things would enlarge it -->
  <statistic extent="1" center="1.5 0 0.5"/>
  <asset>
    <texture type="skybox" builtin="gradient" rgb1="0.9 0.92 0.95" rgb2="0.6 0.65 0.7"
             width="64" height="384"/>
    {_materials()}
  </asset>
  <worldbody>
    <light name="lamp" pos="1 0 3" dir="0 0 -1" directional="true" castshadow="false"/>
    <geom name="floor" type="plane" size="8 8 0.1"/>
    {_walls()}
    {_boxes()}
    {_bottles()}
    <body name="base">
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="y" type="slide" axis="0 1 0"/>
      <joint name="yaw" type="hinge" axis="0 0 1"/>
      <inertial pos="0 0 0.1" mass="{MASS}" diaginertia="0.1 0.1 0.1"/>
      <geom name="base" type="cylinder" pos="0 0 0.11" size="{BASE_RADIUS} 0.09" friction="0.3"
            rgba="0.15 0.15 0.18 1" group="3"/>
      <geom type="box" pos="0.08 0 0.27" size="0.015 0.03 0.07" rgba="0.1 0.1 0.1 1" group="3"
            contype="0" conaffinity="0"/>
      <geom type="box" pos="0.12 0 0.205" size="0.03 0.05 0.006" rgba="0.95 0.75 0.1 1" group="3"
            contype="0" conaffinity="0"/>
      <camera name="camera" pos="{CAMERA[0]} {CAMERA[1]} {CAMERA[2]}" fovy="{FOVY}"/>
    </body>
    <camera name="overhead" pos="1.55 0 4.2" fovy="48"/>
  </worldbody>
  <actuator>
    {_servo('x', MASS, 60)}
    {_servo('y', MASS, 60)}
    {_servo('yaw', 0.1, 3)}
  </actuator>
</mujoco>''')


def _servo(joint: str, inertia: float, force: float) -> str:
    return (f'<velocity name="{joint}" joint="{joint}" kv="{inertia / LAG}" '
            f'forcelimited="true" forcerange="-{force} {force}"/>')


def _materials() -> str:
    out = []
    for i, (pattern, first, second, speckle) in enumerate(_PATTERNS):
        mark = f'mark="random" random="{speckle}" markrgb="0.3 0.3 0.3"' if speckle else ''
        out.append(
            f'<texture name="t{i}" type="2d" builtin="{pattern}" width="256" height="256" '
            f'rgb1="{first} {first} {first}" rgb2="{second} {second} {second}" {mark}/>'
            f'<material name="m{i}" texture="t{i}" texrepeat="3 3" texuniform="true" '
            f'specular="0" shininess="0"/>')
    return ''.join(out)


def _walls() -> str:
    back, front, side = ROOM
    middle, half = (back + front) / 2, (front - back) / 2
    return ''.join(
        f'<geom name="wall{i}" type="box" pos="{x} {y} 0.75" size="{sx} {sy} 0.75"/>'
        for i, (x, y, sx, sy) in enumerate((
            (back, 0, 0.05, side), (front, 0, 0.05, side),
            (middle, side, half, 0.05), (middle, -side, half, 0.05))))


def _boxes() -> str:
    # Each is a body of its own, compiled at the largest size: MuJoCo's collision culling keeps the
    # extents of compile time. A box that grew or moved later could be driven through.
    return ''.join(f'''
      <body name="box{i}" mocap="true" pos="{PARKED} {i} 0.1">
        <geom name="box{i}" type="box" size="{LARGEST_HALF} {LARGEST_HALF} {LARGEST_HALF}"/>
      </body>''' for i in range(MAX_BOXES))


def _bottles() -> str:
    r = BOTTLE_RADIUS
    return ''.join(f'''
      <body name="bottle{i}" pos="{PARKED} {2 + i} 0">
        <freejoint name="bottle{i}"/>
        <geom name="bottle{i}" type="cylinder" pos="0 0 0.10" size="{r} 0.10" mass="0.4"/>
        <geom name="neck{i}" type="cylinder" pos="0 0 0.23" size="{r * 0.5} 0.03" mass="0.02"/>
        <geom type="cylinder" pos="0 0 0.27" size="{r * 0.55} 0.012" mass="0.01"
              rgba="0.12 0.12 0.12 1"/>
      </body>''' for i in range(MAX_BOTTLES))
