"""What a checkpoint says of itself is sound, or refused in one line."""

from dataclasses import fields
import json
import os

from hypothesis import given, settings, strategies as st
import pytest

from mobile_vla_ros.contract import ContractError, NS
from mobile_vla_ros.models.metadata import BLANK, Metadata, SEAL
from mobile_vla_ros.preprocessing import history_frames

SOAK = int(os.environ.get('MOBILE_VLA_SOAK', 1))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner,
                                                                max_size=3), max_leaves=5)
GOOD = {'model': 'm', 'config': {}, 'rate_hz': 5.0, 'chunk': 2, 'history_s': [0.4], 'memory': 1,
        'vision': 'v', 'text': 't', 'text_width': 512, 'seal': ''}


@given(st.dictionaries(st.sampled_from([field.name for field in fields(Metadata)]), json_values,
                       min_size=1, max_size=3) | json_values)
@settings(max_examples=300 * SOAK, deadline=None)
def test_6_whatever_metadata_says_it_is_sound_or_refused_in_one_line(said):
    text = json.dumps({**GOOD, **said} if isinstance(said, dict) else said)
    try:
        metadata = Metadata.from_json(text, 'file')
    except ContractError as error:
        assert len(str(error)) < 600 and '\n' not in str(error)
        return
    assert round(NS / metadata.rate_hz) > 0 and metadata.chunk > 0
    assert history_frames([0], 0, metadata.history_s) == [0] * len(metadata.history_s)
    Metadata.from_json(metadata.to_json(), 'file')


def test_metadata_names_both_values():
    metadata = Metadata(model='m', config={}, rate_hz=5.0, chunk=1, history_s=(0.4,),
                        memory=1, vision='v', text='t', text_width=512)
    text = metadata.to_json()
    assert Metadata.from_json(text, 'file') == metadata
    assert (SEAL + BLANK).decode() in text
    with pytest.raises(ContractError, match="'REP-999', this package runs 'REP-103'"):
        Metadata.from_json(text.replace('REP-103', 'REP-999'), 'file')
    with pytest.raises(ContractError, match=r"unknown metadata \['extra'\]"):
        Metadata.from_json(text.replace('{', '{"extra": 1, ', 1), 'file')
    with pytest.raises(ContractError, match='cannot be read'):
        Metadata.from_json('{', 'file')
