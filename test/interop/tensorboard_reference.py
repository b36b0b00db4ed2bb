"""What TensorBoard reads in folders with event files; JSON in, JSON out.

In:  [folder, ...]
Out: [{tag: [[step, value], ...], ...}, ...]
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator


def read(folder):
    events = EventAccumulator(folder, size_guidance={SCALARS: 0}).Reload()
    return {tag: [[event.step, event.value] for event in events.Scalars(tag)] for tag in events.Tags()[SCALARS]}


json.dump([read(folder) for folder in json.load(sys.stdin)], sys.stdout)
