"""Curves and histograms: no peak is lost, no value invented, no noise blown up."""

import re

import numpy as np
import pytest

pytest.importorskip('matplotlib')

from mobile_vla_ros.report.charts import (  # noqa: E402
    Curve, curves, histogram, Mark, rates)


def drawn(html, look='policy'):
    """Return the pieces of a curve, each (n, 2): x in 0..1000, y from 0, the top, to 100."""
    data = re.search(f'<path class="{look}" d="([^"]*)"', html)[1]
    return [np.array([point.split() for point in piece.split('L')], float)
            for piece in data.split('M')[1:]]


@pytest.mark.parametrize('count', [10, 100_000])
def test_a_long_curve_is_thinned_and_keeps_its_peaks(count):
    values = np.zeros(count)
    values[count // 3], values[count // 2] = 1.0, -1.0
    piece, = drawn(curves('a', [Curve('policy', np.linspace(0, 9, count), values)], 9.0))
    assert len(piece) <= 1600 and (piece[:, 1].min(), piece[:, 1].max()) == (0.0, 100.0)
    assert piece[piece[:, 1].argmin(), 0] == pytest.approx(1000 * (count // 3) / (count - 1),
                                                           abs=0.1)


def test_a_gap_is_not_bridged():
    values = np.array([0.1, 0.2, np.nan, 0.3, 0.4])
    first, second = drawn(curves('a', [Curve('policy', np.arange(5.0), values)], 4.0))
    assert first[:, 0].tolist() == [0.0, 250.0] and second[:, 0].tolist() == [750.0, 1000.0]


def test_what_hardly_changes_looks_so():
    piece, = drawn(curves('a', [Curve('policy', np.arange(9.0), np.full(9, 0.004) * np.arange(9)
                                      % 0.008)], 8.0))
    assert np.ptp(piece[:, 1]) < 10


def test_marks_and_stops_are_where_they_were():
    html = curves('<b>', [Curve('policy', np.arange(3.0), np.arange(3.0))], 2.0,
                  [Mark(0.5, 7, 'm7')], [(1.0, 2.0, 'no <frames>')], numbers=True)
    assert '<a href="#m7" style="left:25.00%">7</a>' in html
    assert 'x="500.0" y="0" height="100" width="500.0"><title>no &lt;frames&gt;</title>' in html
    assert '<b>&lt;b&gt;</b>' in html


def test_an_empty_curve_and_an_empty_histogram_are_drawn():
    assert drawn(curves('a', [Curve('policy', np.zeros(0), np.zeros(0))], 1.0)) == []
    assert 'class="bar"' not in histogram('a', [0, 0], [0.0, 1.0, 2.0])
    assert histogram('a', [2, 1], [-1.0, 0.0, 1.0]).count('class="bar"') == 2


def test_a_rate_is_shown_with_its_interval():
    html = rates([('<success>', 0.5, 0.25, 0.75, '1 of 2')])
    assert '<i style="left:25.0%;width:50.0%"></i><b style="left:50.0%"></b>' in html
    assert '&lt;success&gt;' in html
