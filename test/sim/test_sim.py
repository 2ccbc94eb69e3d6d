"""The simulated task: scenes by seed, physics, judgement, teacher, words."""

from dataclasses import replace

import numpy as np
import pytest

from mobile_vla_ros.contract import Command, STOP
from mobile_vla_ros.sim import language
from mobile_vla_ros.sim.expert import Expert
from mobile_vla_ros.sim.scenario import COLORS, make_scenario, SIDES
from mobile_vla_ros.sim.seeds import split_of, TEST, TRAIN, VALIDATION
from mobile_vla_ros.sim.simulator import MAX_SPEED, Simulator
from mobile_vla_ros.sim.unknown import refuse_unknown
from mobile_vla_ros.sim.verdict import verdict


@pytest.fixture(scope='module')
def sim():
    simulator = Simulator(160, 120)
    yield simulator
    simulator.close()


def drive(sim, scenario, teacher=None):
    sim.reset(scenario)
    teacher = teacher or Expert(scenario)
    while not sim.outcome().done:
        sim.step(teacher.act(sim.pose))
    return sim.outcome()


def rotate(quaternion, vector):
    """Return a vector (3,) turned by a quaternion x, y, z, w."""
    axis, w = np.array(quaternion[:3]), quaternion[3]
    return vector + 2 * np.cross(axis, np.cross(axis, vector) + w * np.array(vector))


@pytest.mark.parametrize('seed', range(TEST.start, TEST.start + 4))
def test_the_optical_frame_and_the_matrix_say_where_a_bottle_is_seen(seed):
    scenario = make_scenario(seed)
    sim = Simulator(640, 480)
    sim.reset(scenario)
    (place, (x, y, z, w)), (at, yaw) = sim.camera_pose, (sim.pose[:2], sim.pose[2])
    cos, sin = np.cos(yaw), np.sin(yaw)
    forward = rotate((x, y, z, w), (0.0, 0.0, 1.0))
    assert forward[0] > 0.9 and -0.4 < forward[2] < -0.2, 'z looks ahead and a little down'
    assert rotate((x, y, z, w), (1.0, 0.0, 0.0))[1] < -0.99, 'x points right'
    picture, seen = sim.render(), 0
    for bottle in scenario.bottles:
        east, north = bottle.x - at[0], bottle.y - at[1]
        on_base = np.array([cos * east + sin * north, cos * north - sin * east, 0.15])
        u, v, depth = sim.camera_matrix @ rotate((-x, -y, -z, w), on_base - place)
        wanted = np.array(bottle.rgb)
        color = picture[int(v / depth), int(u / depth)].astype(float)
        seen += np.linalg.norm(color / np.linalg.norm(color) - wanted / np.linalg.norm(wanted)) \
            < 0.15
    assert seen >= len(scenario.bottles) - 1, 'a box may hide one'
    sim.close()


OUTCOME = {'done': True, 'success': False, 'stopped': True, 'contacts': 0, 'side': 'left',
           'side_ok': True, 'bottle': None, 'bottle_ok': False, 'distance_m': 0.6, 'path_m': 2.0,
           'seconds': 9.0, 'touched': []}


@pytest.mark.parametrize('changes, words', [
    ({'success': True, 'bottle': 'red', 'bottle_ok': True},
     'reached the red bottle after 9.0 s, passed on the left, nothing touched'),
    ({'contacts': 2, 'touched': ['a box', 'the red bottle']},
     'failed: touched a box and the red bottle; after 9.0 s'),
    ({'side': 'right', 'side_ok': False, 'bottle': 'red', 'bottle_ok': True},
     'failed: passed on the right, asked was left; after 9.0 s'),
    ({'bottle': 'blue'}, 'failed: stopped at the blue bottle, asked was red; after 9.0 s'),
    ({}, 'failed: stopped 0.60 m from the red bottle, within 0.35 m is reached; after 9.0 s'),
    ({'path_m': 0.0, 'side': None, 'side_ok': None}, 'failed: never set off; after 9.0 s'),
    ({'stopped': False, 'seconds': 25.0},
     'failed: out of time 0.60 m from the red bottle; after 25.0 s'),
    ({'bottle': 'blue', 'side': 'right', 'side_ok': False},
     'failed: passed on the right, asked was left; stopped at the blue bottle, asked was red; '
     'after 9.0 s')])
def test_the_verdict_says_how_it_ended_and_why(changes, words):
    scenario = replace(make_scenario(TEST.start), color='red', side='left')
    assert verdict(scenario, {**OUTCOME, **changes}) == words


def test_what_was_touched_is_named(sim):
    scenario = make_scenario(TEST.start)
    assert drive(sim, scenario).touched == ()
    sim.reset(scenario)
    while not sim.outcome().done:
        sim.step(Command(0.4, 0.0, 0.0))
    assert sim.outcome().touched == ('a box',)
    sim.reset(scenario)
    while not sim.outcome().done:
        sim.step(Command(0.0, 0.5, 0.0))
    assert sim.outcome().touched == ('a wall',)
    bottle = scenario.bottles[0]
    sim.reset(replace(scenario, start=(bottle.x - 0.3, bottle.y, 0.0)))
    while not sim.outcome().done:
        sim.step(Command(0.4, 0.0, 0.0))
    assert f'the {bottle.color} bottle' in sim.outcome().touched
    assert verdict(scenario, sim.outcome().as_dict()).startswith('failed: touched the ')


@pytest.mark.parametrize('text, word', [
    ('go left to the pink bottle', 'pink'), ('Pink bottle.', 'pink'),
    ('go left, to orange', 'orange'), ('stop at the white plastic bottle', 'white'),
    ('the black one, left', 'black'), ('go right to the teal-coloured bottle', 'teal'),
    ('the bottle that is grey', 'grey'), ('go left to the red bottle, not the pink one', 'pink'),
    ('왼쪽으로 지나서 분홍색 병 앞에 멈춰', '분홍색'), ('핑크 병으로 가', '핑크'),
    ('흰 물병', '흰'), ('하늘색으로 가', '하늘색으로'),
    ('상자 오른쪽으로 지나 보랏빛 병', '보랏빛'), ('빨강 병', '빨강')])
def test_a_colour_that_nobody_knows_is_refused(text, word):
    with pytest.raises(ValueError, match=f'asks for {word!r}, a colour that is not known'):
        refuse_unknown(text)


@pytest.mark.parametrize('text, words', [
    ('go over the box to the red bottle', 'over the box'), ('pass on the far side', 'far side'),
    ('drive leftwards to the red bottle', 'leftwards'), ('take the middle', 'take the middle'),
    ('pass the box on the north side', 'north'), ('상자 위로 지나 빨간 병', '위로'),
    ('가운데로 가서 빨간 병', '가운데로'), ('좌회전해서 빨간 병', '좌회전')])
def test_a_side_that_nobody_knows_is_refused(text, words):
    with pytest.raises(ValueError, match=f'says {words!r}, a side that is not known'):
        refuse_unknown(text)


@pytest.mark.parametrize('text', [
    'go on', 'go to the bottle', 'pass the white box on the left and stop at the red bottle',
    'go around the brown box', 'follow the black line to the bottle', 'the navy blue bottle',
    'the bottle with the white cap', 'drive over to the blue bottle', 'finish at the bottle',
    '흰 상자를 왼쪽으로 지나 병으로 가', '회색 박스를 피해 왼쪽으로 빨간 병', '병을 탐색해',
    '상자 주위로 돌아 빨간 병'])
def test_what_names_nothing_unknown_of_the_task_passes(text):
    refuse_unknown(text)


def test_splits_do_not_overlap():
    assert [split_of(part.start) for part in (TRAIN, VALIDATION, TEST)] == [
        'train', 'validation', 'test']
    assert TRAIN.stop <= VALIDATION.start and VALIDATION.stop <= TEST.start


def test_equal_seeds_give_equal_scenes_and_drives(sim):
    assert make_scenario(TEST.start) == make_scenario(TEST.start)
    assert make_scenario(TEST.start) != make_scenario(TEST.start + 1)
    first = drive(sim, make_scenario(TEST.start))
    picture = sim.render()
    drive(sim, make_scenario(TEST.start + 1))
    assert drive(sim, make_scenario(TEST.start)) == first
    assert np.array_equal(sim.render(), picture)


def test_scenes_cover_every_kind():
    scenes = [make_scenario(seed) for seed in range(120)]
    kinds = {(s.box_count, s.orientation, s.side, s.distance) for s in scenes}
    assert len(kinds) == 2 * 2 * 2 * 3
    assert {s.color for s in scenes} == set(COLORS)


def test_held_out_looks_are_never_in_training():
    seen = {make_scenario(s).look.floor_texture for s in range(200)}
    held_out = {make_scenario(s, held_out=True).look.floor_texture for s in range(50)}
    assert not seen & held_out
    lights = np.array([[[(look := make_scenario(seed, held).look).ambient, look.diffuse,
                         look.light_xy[0]] for seed in range(50)] for held in (False, True)])
    less, more = lights[1] < lights[0].min(0), lights[1] > lights[0].max(0)
    assert (less | more).all() and less.any(0).all() and more.any(0).all()


@pytest.mark.parametrize('side', SIDES)
def test_the_teacher_does_every_task_of_a_scene(sim, side):
    for seed in range(TEST.start, TEST.start + 6):
        scenario = make_scenario(seed)
        for bottle in scenario.bottles:
            outcome = drive(sim, scenario.with_task(side=side, color=bottle.color))
            assert outcome.success, (seed, side, bottle.color, outcome)
            assert outcome.side == side and outcome.bottle == bottle.color


def test_the_other_side_or_bottle_is_no_success(sim):
    scenario = make_scenario(TEST.start)
    other = scenario.with_task(side=SIDES[1 - SIDES.index(scenario.side)])
    outcome = drive(sim, scenario, Expert(other))
    assert outcome.side_ok is False and not outcome.success and outcome.contacts == 0
    color = next(b.color for b in scenario.bottles if b.color != scenario.color)
    outcome = drive(sim, scenario, Expert(scenario.with_task(color=color)))
    assert outcome.stopped and not outcome.bottle_ok and not outcome.success


def stand(sim, metres, **change):
    """Put the base this far before its bottle, past the boxes, and let it stand there."""
    scenario = make_scenario(TEST.start)
    target = scenario.target
    x_min, x_max, y_min, y_max = scenario.obstacle
    boxes = tuple(replace(box, y=box.y + (5.0 if scenario.side == 'right' else -5.0))
                  for box in scenario.boxes)  # far to the other side: it is passed as asked
    sim.reset(replace(scenario, boxes=boxes, start=(target.x - metres, target.y, 0.0), **change))
    while not sim.outcome().stopped and sim.time_s < 10.0:
        sim.step(STOP, 0.5)
    return sim.outcome()


def test_success_is_standing_within_35_cm_of_the_bottle(sim):
    for metres, reached in ((0.30, True), (0.345, True), (0.355, False), (0.42, False)):
        outcome = stand(sim, metres)
        assert outcome.stopped and outcome.side_ok and not outcome.contacts, outcome
        assert outcome.distance_m == pytest.approx(metres, abs=1e-3)
        assert (outcome.success, outcome.bottle_ok) == (reached, reached), outcome
        assert (outcome.bottle is not None) == reached


def test_who_has_touched_something_has_not_succeeded(sim):
    outcome = stand(sim, 0.17)  # the bottle's own radius and the base's are 0.185 m
    assert outcome.contacts == 1 and outcome.done
    assert outcome.stopped and outcome.bottle_ok and outcome.side_ok and not outcome.success


def test_driving_into_a_box_is_contact_and_does_not_go_through(sim):
    scenario = make_scenario(TEST.start)
    sim.reset(scenario)
    x_min = scenario.obstacle[0]
    for _ in range(80):
        middle = sum(scenario.obstacle[2:]) / 2
        sim.step(Command(0.3, 2 * (middle - sim.pose[1]), -sim.pose[2]))
    assert sim.outcome().contacts >= 1 and not sim.outcome().success
    assert sim.pose[0] < x_min - 0.1


def test_the_base_lags_and_never_exceeds_its_limits(sim):
    sim.reset(make_scenario(TEST.start))
    sim.step(Command(9.0, 0.0, 9.0), 0.05)
    assert 0 < sim.velocity[0] < 0.1
    for _ in range(10):
        sim.step(Command(9.0, 0.0, 9.0), 0.1)
        assert np.all(np.abs(sim.velocity) <= MAX_SPEED * 1.02)
    before = sim.pose
    with pytest.raises(ValueError, match='finite'):
        sim.step(Command(float('nan'), 0, 0))
    assert sim.pose == before


def test_standing_still_is_no_success(sim):
    sim.reset(make_scenario(TEST.start))
    while not sim.outcome().done:
        sim.step(STOP)
    assert sim.outcome().stopped and not sim.outcome().success


def test_the_camera_shows_the_target_where_the_matrix_says(sim):
    scenario = make_scenario(TEST.start + 3)
    sim.reset(scenario)
    picture = sim.render().astype(int)
    assert picture.shape == (120, 160, 3) and picture.std() > 10
    assert sim.camera_matrix[0, 2] == 80 and sim.camera_matrix[1, 2] == 60


@pytest.mark.parametrize('name', language.LANGUAGES)
def test_words_name_the_task_they_were_made_for(name):
    rng = np.random.default_rng(0)
    for _ in range(300):
        side, color = str(rng.choice(SIDES)), str(rng.choice(COLORS))
        text = language.sample(side, color, rng, name)
        assert language.parse_instruction(text) == (side, color), text
        refuse_unknown(text)


def test_words_that_name_two_tasks_are_refused():
    with pytest.raises(ValueError, match='more than one side'):
        language.parse_instruction('go left, then right')
    assert language.parse_instruction('go on') == (None, None)
    with pytest.raises(ValueError, match='has no'):
        scenario = make_scenario(TEST.start)
        absent = next(c for c in COLORS if c not in [b.color for b in scenario.bottles])
        scenario.with_task(color=absent)
    with pytest.raises(ValueError, match='negative'):
        make_scenario(-1)
