"""The benchmark's suites: what they cover, what they disturb, and how a run is picked up again."""

from collections import Counter
import json

import cv2
import numpy as np
import pytest

pytest.importorskip('mujoco')

from mobile_vla_ros.benchmark import rollout  # noqa: E402
from mobile_vla_ros.benchmark.disturbance import Disturbance, Perturbation  # noqa: E402
from mobile_vla_ros.benchmark.journal import Journal  # noqa: E402
from mobile_vla_ros.benchmark.rollout import Job, Runner  # noqa: E402
from mobile_vla_ros.benchmark.suites import cell_of, CELLS, PARTS, tasks  # noqa: E402
from mobile_vla_ros.cli.benchmark import main  # noqa: E402
from mobile_vla_ros.contract import Command, STOP  # noqa: E402
from mobile_vla_ros.control.reasons import Reason  # noqa: E402
from mobile_vla_ros.sim.scenario import make_scenario  # noqa: E402
from mobile_vla_ros.sim.seeds import split_of, SUITES, TEST  # noqa: E402

GO = Command(0.3, 0.1, 0.0)


def test_every_part_has_every_layout_side_and_distance_as_often():
    found = tasks('standard-3', Job())
    seeds = [seed for _, _, seed in found]
    assert len(seeds) == len(set(seeds)) >= 400
    assert all(seed in SUITES and split_of(seed) == 'test' for seed in seeds)
    assert min(seeds) > TEST.start + 1000, 'scenes of the README stay apart'
    for part in PARTS['standard-3']:
        cells = Counter(cell_of(make_scenario(seed)) for name, _, seed in found
                        if name == part.name)
        assert cells == dict.fromkeys(CELLS, part.each)
        assert part.bottles is None or all(
            len(make_scenario(seed).bottles) == part.bottles for name, _, seed in found
            if name == part.name)
    assert len({job.disturbance for _, job, _ in found}) >= 10


def test_the_name_of_a_suite_that_was_replaced_runs_the_new_one(tmp_path, capsys):
    out = tmp_path / 'a.json'
    assert main(['--suite', 'short-1', '--policy', 'expert', '--processes', '2', '--json',
                 str(out)]) == 0
    assert 'short-1 is run as short-2, in which the guard' in capsys.readouterr().out
    assert json.loads(out.read_text())['suite'] == 'short-2'


class Failing:
    """A policy that raises whatever is not a ValueError, or gives NaN, from its tenth frame."""

    sha256 = backend = 'failing'

    def __init__(self, policy, how):
        self.policy, self.how, self.calls = policy, how, 0

    def reset(self):
        self.policy.reset()

    def plan(self, *args):
        self.calls += 1
        plan = self.policy.plan(*args)
        if self.calls >= 10 and self.how == 'raises':
            raise RuntimeError('no such operator')
        if self.calls >= 10:
            plan.commands[:] = np.nan
        return plan


@pytest.mark.parametrize('how, words', [
    ('raises', 'RuntimeError: no such operator'), ('nan', 'the policy gave [nan, nan, nan]')])
def test_a_policy_that_fails_makes_the_base_stand_and_is_told(how, words):
    runner = Runner(Job())
    runner.policy = Failing(runner.policy, how)
    row = runner.run(SUITES.start)
    moved = np.array(runner.commands).any(1)  # of every 0.05 s
    assert moved[10:18].all() and not moved[18:].any()
    assert not row['success'] and row['policy_error'].startswith(words)
    assert runner.driver.reason is Reason.FAULT


def test_frames_come_late_or_not_at_all():
    late = Perturbation(Disturbance(delay_s=0.2), 0, 0.1)
    came = [late.deliver_frame(np.full(1, i), i * 0.1) for i in range(6)]
    assert came[:2] == [None, None]
    assert [(int(frame[0]), at) for frame, at in came[2:]] == [
        (i, pytest.approx(i * 0.1)) for i in range(4)]
    lossy = Perturbation(Disturbance(drop=0.3), 0, 0.1)
    lost = sum(lossy.deliver_frame(np.zeros(1), i * 0.1) is None for i in range(2000))
    assert 500 < lost < 700


def test_commands_come_late_and_pushes_come_now_and_then():
    lag = Perturbation(Disturbance(lag_s=0.2), 0, 0.1)
    assert [lag.deliver_command(GO) for _ in range(4)] == [STOP, STOP, GO, GO]
    pushed = Perturbation(Disturbance(push=0.2), 0, 0.1)
    off = np.array([pushed.deliver_command(GO) for _ in range(3000)]) - GO
    pushes = np.abs(off).max(1) > 0
    assert 0.05 < pushes.mean() < 0.25 and np.abs(off[:, :2]).max() <= 0.2 + 1e-9
    again = Perturbation(Disturbance(push=0.2), 0, 0.1)
    assert np.array_equal(off, np.array([again.deliver_command(GO) for _ in range(3000)]) - GO)


def test_a_camera_mounted_otherwise_is_another_view_of_the_same_scene():
    scenario = make_scenario(5)
    off = Perturbation(Disturbance(tilt_deg=3.0, shift_m=0.03), 5, 0.1).mount(scenario)
    tilt = np.degrees(np.subtract(off.look.camera_tilt, scenario.look.camera_tilt))
    assert np.abs(tilt) == pytest.approx([3.0] * 2)
    shift = np.subtract(off.look.camera_offset, scenario.look.camera_offset)
    assert np.abs(shift) == pytest.approx([0.03] * 3)
    assert off.boxes == scenario.boxes
    assert Perturbation(Disturbance(), 5, 0.1).mount(scenario) == scenario


@pytest.mark.parametrize('values, message', [
    ({'drop': 1.0}, 'drop must be below 1'), ({'delay_s': -1.0}, 'delay_s must be 0 or more')])
def test_nonsense_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Disturbance(**values)


def test_a_camera_that_dies_stops_the_base(monkeypatch):
    """As the drive node does: what was planned on an old frame does not go on for ever."""
    monkeypatch.setattr(Perturbation, 'deliver_frame', lambda self, rgb, time_s:
                        (rgb, time_s) if time_s < 3.0 else None)
    runner = Runner(Job())
    row = runner.run(SUITES.start)
    assert not row['success'] and not row['contacts']
    moved = np.array(runner.commands).any(1)  # of every 0.05 s
    assert moved[40:58].any() and not moved[66:].any()


def test_an_interrupted_run_goes_on_and_gives_the_same(tmp_path, monkeypatch, capsys):
    whole, cut = tmp_path / 'whole.json', tmp_path / 'cut.json'
    args = ['--policy', 'expert', '--episodes', '6', '--processes', '1']
    assert main([*args, '--json', str(whole)]) == 0
    run_each, ran = rollout.run_each, []

    def interrupted(tasks, processes, done):
        run_each(tasks[:3], processes, done)
        raise KeyboardInterrupt
    monkeypatch.setattr(rollout, 'run_each', interrupted)
    assert main([*args, '--json', str(cut)]) == 130
    assert not cut.exists()

    def counted(tasks, processes, done):
        ran.append(len(tasks))
        return run_each(tasks, processes, done)
    monkeypatch.setattr(rollout, 'run_each', counted)
    assert main([*args, '--json', str(cut)]) == 0
    assert ran == [3] and json.loads(cut.read_text()) == json.loads(whole.read_text())
    assert [path.name for path in tmp_path.iterdir() if 'partial' in path.name] == []


def test_rows_of_another_purpose_or_cut_short_are_not_taken(tmp_path):
    path = tmp_path / 'rows.jsonl'
    first = Journal(path, {'a': 1})
    first.add(0, {'success': True})
    first.add(1, {'success': False})
    path.write_text(path.read_text()[:-5])
    assert Journal(path, {'a': 1}).rows == {0: {'success': True}}
    assert Journal(path, {'a': 2}).rows == {}


def test_the_page_shows_failures_first_with_their_films(tmp_path, capsys):
    out = [tmp_path / name for name in ('a.json', 'a.html', 'films')]
    assert main(['--policy', 'blind', '--episodes', '2', '--processes', '1', '--json',
                 str(out[0]), '--html', str(out[1]), '--films', str(out[2])]) == 0
    result, page = json.loads(out[0].read_text()), out[1].read_text()
    assert result['rates']['success']['hits'] == 0 and page.count('<svg') == 2
    assert 'What failed (2)' in page and 'src="http' not in page
    for row in result['rows']:
        assert row['expert_path_m'] > 1.0 and len(row['path']) > 5
        film = cv2.VideoCapture(str(out[2] / f'{row["seed"]}.mp4'))
        seconds = film.get(cv2.CAP_PROP_FRAME_COUNT) / film.get(cv2.CAP_PROP_FPS)
        assert seconds == pytest.approx(row['seconds'] + 1.5, abs=0.3)
        assert f'films/{row["seed"]}.mp4' in page


@pytest.mark.parametrize('args, message', [
    (['--suite', 'big'], "no suite 'big'; one of standard-3, short-2"),
    (['--suite', 'short-2', '--swap-sides'], 'takes no --swap-sides'),
    (['--over-ros', '--html', 'x.html'], 'takes no --suite, --html or --films')])
def test_what_does_not_go_together_is_one_line(args, message, capsys):
    assert main(args) == 2
    assert message in capsys.readouterr().err
