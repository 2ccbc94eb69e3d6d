"""Ask the policy with other words: does the command change when only the words do?"""

import numpy as np

from mobile_vla_ros.contract import NS
from mobile_vla_ros.inference.policy import Policy
from mobile_vla_ros.replay.log import ReplayLog
from mobile_vla_ros.replay.rewordings import rewordings

PERIOD_S = 1.0  # between frames at which it asks: each wording costs as much as a frame


class RewordingProbe:
    """
    Asks the policy with other words, at one frame every PERIOD_S.

    Each wording has a memory of its own, which holds only the frames at which it was asked. So
    has the given wording. Nothing but the words differs between them.
    """

    def __init__(self, log: ReplayLog, policy: Policy):
        """Wait for an instruction; answers go to `log`."""
        self._log, self._policy = log, policy
        self._asked_ns: int | None = None
        self._words: dict[str, str] = {}
        self._policies: dict[str, Policy] = {}

    def instruct(self, text: str) -> None:
        """Take the instruction that is put in other words."""
        self._log.rewordings = rewordings(text)
        self._words = {'given': text} | {kind: words for kind, words in
                                         self._log.rewordings.items() if words is not None}
        self._policies = {kind: Policy(self._policy.engine, self._policy.metadata)
                          for kind in self._words}
        self._asked_ns = None

    def on_frame(self, image: np.ndarray, stamp_ns: int) -> None:
        """Ask with this frame if it is time."""
        if self._asked_ns is not None and stamp_ns - self._asked_ns < PERIOD_S * NS:
            return
        self._asked_ns = stamp_ns
        answers = {kind: policy.act(image, self._words[kind], stamp_ns)
                   for kind, policy in self._policies.items()}
        given = answers.pop('given', None)
        if given is not None:
            for kind, answer in answers.items():
                self._log.add_rewording(kind, given, answer)
