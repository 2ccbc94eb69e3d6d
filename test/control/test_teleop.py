"""Driving by keys: the rhythm of a held key, and what a terminal sends for each key."""

import itertools

from hypothesis import given, settings, strategies as st
import pytest

from mobile_vla_ros.contract import Command, STOP
from mobile_vla_ros.control.teleop import DIRECTIONS, HeldKey, SPEEDS, Teleop


def hold(hand, key, start, end, delay, interval):
    """Press as a keyboard does; return the times."""
    times = [start, *itertools.takewhile(
        lambda at: at < end, (start + delay + i * interval for i in itertools.count()))]
    for at in times:
        assert hand.held(at) in (None, key)
        hand.press(key, at)
    return times


@given(delay=st.floats(0.15, 0.59), interval=st.floats(0.02, 0.11), seconds=st.floats(1.0, 3.0))
@settings(deadline=None)
def test_a_held_key_never_flickers_and_its_release_is_noticed(delay, interval, seconds):
    hand = HeldKey()
    last = [0.0]
    for at in [0.0, *(delay + i * interval for i in range(int(seconds / interval)))]:
        # The rhythm is not known before the first repeats.
        assert at == 0.0 or hand.held(at) == 'w', (at, hand.deadline)
        hand.press('w', at)
        last[0] = at
    assert hand.held(last[0] + interval * 1.5) == 'w'
    assert hand.held(last[0] + max(0.08, 2.2 * interval) + 1e-9) is None


def test_a_tap_ends_and_another_key_takes_over_at_once():
    hand = HeldKey()
    hand.press('w', 0.0)
    assert hand.held(0.59) == 'w' and hand.held(0.61) is None
    hold(hand, 'w', 1.0, 2.0, 0.3, 0.03)
    hand.press('a', 2.0)
    assert hand.held(2.01) == 'a'


@pytest.mark.parametrize('base', ['holonomic', 'differential'])
@pytest.mark.parametrize('key', DIRECTIONS)
def test_every_key_moves_as_it_says(base, key):
    teleop = Teleop(base)
    assert teleop.key(key.upper(), 0.0) is None
    command = teleop.command(0.01)
    forward, left, turn = DIRECTIONS[key]
    assert (command.linear_x > 0) - (command.linear_x < 0) == forward
    if base == 'holonomic':
        assert (command.linear_y > 0) - (command.linear_y < 0) == left
        assert (command.angular_z > 0) - (command.angular_z < 0) == turn
    else:
        assert command.linear_y == 0
        wanted = turn or left * (-1 if forward < 0 else 1)
        assert (command.angular_z > 0) - (command.angular_z < 0) == wanted
    assert command.linear_x ** 2 + command.linear_y ** 2 <= SPEEDS[1] ** 2 + 1e-9


def test_stop_speed_and_episodes():
    teleop = Teleop()
    teleop.key('w', 0.0)
    assert teleop.command(0.0) == Command(0.2, 0.0, 0.0)
    for _ in range(9):
        teleop.key('+', 0.0)
    assert teleop.command(0.0).linear_x == SPEEDS[-1]
    for _ in range(9):
        teleop.key('-', 0.0)
    assert teleop.command(0.0).linear_x == SPEEDS[0]
    assert [teleop.key(key, 0.0) for key in 'nmx'] == ['start', 'keep', 'discard']
    teleop.key('w', 1.0)
    teleop.key(' ', 1.1)
    assert teleop.command(1.1) == STOP
    with pytest.raises(ValueError, match="one of holonomic, differential, got 'legs'"):
        Teleop('legs')


def test_labels_are_typed_and_nothing_moves_meanwhile():
    teleop = Teleop()
    teleop.key('w', 0.0)
    assert teleop.key('I', 0.1) is None and teleop.command(0.1) == STOP
    assert {teleop.key(key, 0.2) for key in 'gowww3n 왼쪽\x7f\t'} == {None}
    assert teleop.command(0.2) == STOP and teleop.entry.text == 'gowww3n 왼'
    assert teleop.key('\r', 0.3) == ('instruction', 'gowww3n 왼') and teleop.entry is None
    assert [teleop.key(key, 0.4) for key in '123'] == [
        ('distance', 'close'), ('distance', 'medium'), ('distance', 'far')]
    assert [teleop.key(key, 0.5) for key in 'oab\x1b'] == [None] * 4
    assert teleop.command(0.6) == STOP and teleop.entry.text == 'ab', 'an arrow may follow'
    assert teleop.command(0.8) == STOP
    assert teleop.entry is None, 'Escape leaves the label as it was'
    teleop.key('w', 0.8)
    assert teleop.command(0.8).linear_x > 0


CSI = [f'\x1b[{middle}{end}' for middle in ('', '1', '2;5', '?1', '>0;', '1;2', ' ', '!')
       for end in 'ABCDFHIOPQRSZabcdghilmnqrstuwxz~@`^'
       if middle or end not in 'ABCD']
OTHERS = [*(f'\x1bO{key}' for key in 'FHMPQRSjklmnopqrstuvwxyzadesc'),
          *(f'\x1bO5{key}' for key in 'ABCDwas'), *(f'\x1b[[{key}' for key in 'ABCDE'),
          *(f'\x1b{key}' for key in 'wasdqezcrtnmxio123+- WASD\r'),
          *(f'\x1b[3{end}' for end in '~^$@'), '\x1b\x1b[3~', '\x1b\x1bOw', '\x1b[[\x1b[3~',
          '\x1b[Mwas', '\x1b[<0;3;4M', '\x1b[<0;3;4m', '\x1b]11;rgb:dead/cafe/aaaa\x07',
          '\x1b]52;c;d2FzZA==\x1b\\', '\x1bP1$r0 q was\x1b\\', '\x1b_was\x1b\\', '\x9b3~',
          '\udc9bw', '\udc8fw', '\x8fs', '\x1b[97;5u', '\x1b[119;1:3u', '\x1b[27;5;119~',
          '\x1b[11;5R', '\x1b[200~wasd 3n\rr\x1b[201~',
          '\x1b[200~o\x1b[Dw\x1b[201~', '\x1b[200~\x1b[201~']


@pytest.mark.parametrize('gap', [0.0, 0.1, 0.5], ids=['at once', 'split', 'late'])
def test_35_no_sequence_moves_anything(gap):
    assert len(CSI + OTHERS) > 200
    for sequence in CSI + OTHERS:
        if gap == 0.5 and sequence[:2] != '\x1b[':
            continue  # Escape, then that key, as far as a terminal tells
        teleop = Teleop()
        teleop.key('w', 0.0)
        asked = [teleop.key(char, 0.1 + gap * (number > 0))
                 for number, char in enumerate(sequence)]
        after = 0.1 + gap + 1e-3
        assert not any(asked) and teleop.command(after) == STOP, sequence
        assert teleop.entry is None and teleop.speed == SPEEDS[1], sequence
        teleop.key('a', after)
        assert teleop.command(after).linear_y > 0, f'after {sequence!r} keys are keys again'


@pytest.mark.parametrize('base', ['holonomic', 'differential'])
@pytest.mark.parametrize('kind', ['[', 'O'])
def test_arrows_steer_as_their_pictures_say(base, kind):
    for letter, key in zip('ABDC', 'wsad'):
        arrow, letters = Teleop(base), Teleop(base)
        for _ in range(3):
            assert not any(arrow.key(char, 1.0) for char in f'\x1b{kind}{letter}')
        letters.key(key, 1.0)
        assert arrow.command(1.01) == letters.command(1.01) != STOP


def test_sequences_neither_end_nor_enter_a_text():
    for sequence in [*CSI, *OTHERS, '\x1b[A', '\x1b[B', '\x1b[C', '\x1b[D', '\x1bOD']:
        teleop = Teleop()
        for char in 'igo':
            teleop.key(char, 0.0)
        typed = ''.join(sequence.partition('\x1b[200~')[::2]).partition('\x1b[201~')[0] \
            if '200~' in sequence else None
        for char in sequence:
            teleop.key(char, 1.0)
        assert teleop.command(1.1) == STOP and teleop.entry, sequence
        if typed is None:
            assert teleop.entry.text == 'go', sequence
    teleop = Teleop()
    for char in 'i\x1b[200~go left\nnow\x1b[201~\r':
        label = teleop.key(char, 0.0)
    assert label == ('instruction', 'go left now'), 'what is pasted is text'


@given(st.text(alphabet='\x1b[O?;0123459~ABCDMPwasdqezcrtnmxio]_^X\\\x07\x9b\udc9b ', max_size=30))
def test_after_any_characters_a_held_key_drives_again(text):
    teleop = Teleop()
    for number, char in enumerate(text):
        teleop.key(char, number / 100)
    now = 60.0
    teleop.command(now)
    for char in '\x1b[201~\x1b\x1b':
        teleop.key(char, now)
    teleop.command(now + 3)
    if not teleop.entry:
        teleop.key('w', now + 3)
        assert teleop.command(now + 3).linear_x > 0
