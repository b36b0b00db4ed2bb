"""What the Python package rliable (Agarwal et al. 2021) finds for the scores on stdin; JSON in, JSON out.

In:  {"x": [runs][tasks], "y": [runs][tasks], "thresholds": [...], "reps": n, "seed": n}
Out: {"aggregates": {name: [value, low, high]}, "profile": [[share, low, high], ...], "improvement": [value, low, high]}
"""

import json
import sys

import numpy as np
from rliable import library, metrics

asked = json.load(sys.stdin)
x, y = np.array(asked["x"]), np.array(asked["y"])
# rliable draws from the global generator.
np.random.seed(asked["seed"])


def interval(data, function):
    points, intervals = library.get_interval_estimates({"all": data}, function, reps=asked["reps"])
    return [float(np.ravel(values)[0]) for values in (points["all"], intervals["all"][0], intervals["all"][1])]


functions = {
    "mean": metrics.aggregate_mean,
    "iqm": metrics.aggregate_iqm,
    "median": metrics.aggregate_median,
    "optimalityGap": metrics.aggregate_optimality_gap,
}
shares, bands = library.create_performance_profile({"all": x}, np.array(asked["thresholds"]), reps=asked["reps"])
json.dump(
    {
        "aggregates": {
            name: interval(x, lambda scores, function=function: np.array([function(scores)])) for name, function in functions.items()
        },
        "profile": np.stack([shares["all"], *bands["all"]], axis=1).tolist(),
        "improvement": interval((x, y), lambda *pair: np.array([metrics.probability_of_improvement(*pair)])),
    },
    sys.stdout,
)
