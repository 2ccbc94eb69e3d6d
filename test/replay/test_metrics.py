"""Figures of a replay: baselines, labels, ages, sensitivity."""

import json

import numpy as np
import pytest
from support.tiny_checkpoint import write as write_tiny

pytest.importorskip('rosbags')
from support.bags import BagWriter, image, picture, START, text, TEXT, twist, write  # noqa: E402

from mobile_vla_ros import load_policy  # noqa: E402
from mobile_vla_ros.cli import replay as verb  # noqa: E402
from mobile_vla_ros.contract import NS  # noqa: E402
from mobile_vla_ros.data.bags import Bag  # noqa: E402
from mobile_vla_ros.replay.metrics import summarise  # noqa: E402
from mobile_vla_ros.replay.replay import replay  # noqa: E402


def test_the_baselines_are_those_that_are_named(tmp_path):
    """The last command before a frame is known to who repeats it, the one after it is not."""
    answers = np.random.default_rng(0).uniform(-0.4, 0.4, (30, 3))  # 10 ms after each frame
    between = np.random.default_rng(1).uniform(0.4, 0.9, (30, 3))  # 60 ms after it
    with BagWriter(tmp_path / 'bag', info={'scenario': 'hall'}) as bag:
        bag.put('/instruction', START, text(TEXT))
        for i, (answer, later) in enumerate(zip(answers, between)):
            ns = START + (i + 1) * NS // 10
            bag.put('/camera/image', ns, image(picture(i, (32, 24)), ns))
            bag.put('/cmd_vel', ns + NS // 100, twist(answer))
            bag.put('/cmd_vel', ns + 6 * NS // 100, twist(later))
    still = load_policy(write_tiny(tmp_path / 'tiny.onnx', weight=0.0))
    with Bag(tmp_path / 'bag') as bag:
        result = summarise([replay(bag, still)], still, 1.0)
    before = np.concatenate([np.zeros((1, 3)), between[:-1]])
    expected = {'policy': 0.0, 'zero': 0.0, 'mean': answers.mean(0), 'repeat-last': before}
    assert result['frames_compared'] == 30 and set(result['scores']) == set(expected)
    for name, constant in expected.items():
        assert result['scores'][name]['mae'] == pytest.approx(
            np.abs(answers - constant).mean(0), abs=1e-5), name
    assert result['by_scenario']['hall']['mae_mean'] == result['scores']['mean']['mae']


def test_labels_ages_and_other_words_are_told(tmp_path):
    bags = [write(tmp_path / name, seconds=3.0, age_s=0.04, info=labels, says=((0.0, text),))
            for name, labels, text in (
                ('a', {'scenario': 'two boxes', 'distance': 'close'}, TEXT),
                ('b', {'scenario': 'two boxes', 'distance': 'far'}, TEXT),
                ('c', {}, 'follow the corridor'))]
    out, html = tmp_path / 'a.json', tmp_path / 'a.html'
    assert verb.main([*map(str, bags), '--json', str(out), '--html', str(html)]) == 0
    told = json.loads(out.read_text())
    assert told['by_scenario'].keys() == {'two boxes'}
    assert told['by_scenario']['two boxes']['recordings'] == 2
    assert [told['by_distance'][name]['frames'] for name in ('close', 'far')] == [30, 30]
    assert told['frame_age_ms'] == {'p50': 40.0, 'p95': 40.0, 'p99': 40.0, 'max': 40.0}
    moved = told['instruction_sensitivity']
    assert all(moved[name] for name in ('swapped', 'blank', 'paraphrased', 'translated'))
    assert moved['swapped'][1] > 3 * moved['paraphrased'][1], 'the side counts, not its words'
    text = html.read_text()
    assert 'By scenario' in text and 'By distance' in text \
        and 'Do not compare with repeat-last' in text
    assert told['recordings'][2]['reworded']['paraphrased'] is None
    stop, = (stop for stop in told['recordings'][0]['stops']
             if stop['reason'] == 'waiting for fresh frames in a row')
    assert 0.0 <= stop['from_s'] < stop['to_s'] < 0.4


def test_words_that_name_no_task_are_not_put_otherwise(tmp_path):
    bag = write(tmp_path / 'a', says=((0.0, 'follow the corridor'),))
    html = tmp_path / 'a.html'
    assert verb.main([str(bag), '--html', str(html), '--json', str(tmp_path / 'a.json')]) == 0
    told = json.loads((tmp_path / 'a.json').read_text())
    assert told['instruction_sensitivity']['swapped'] is None
    assert told['instruction_sensitivity']['translated'] is None
    assert told['instruction_sensitivity']['blank'] is not None
    assert told['frame_age_ms'] is None, 'stamps of receipt say nothing of age'
    text = html.read_text()
    assert 'does not name one side and one of the colours' in text and 'is not known' in text
