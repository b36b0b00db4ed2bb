"""Reads {folder, examples, steps} from standard input, replays the steps with examples/act.py, and prints the probabilities before each."""

import json
import sys

request = json.load(sys.stdin)
sys.path.insert(0, request["examples"])
from act import Agent  # noqa: E402

agent = Agent(request["folder"])
answers = []
for step in request["steps"]:
    answers.append([float(p) for p in agent.act(step["observation"])])
    agent.observe(*(step[name] for name in ("observation", "action", "reward", "nextObservation", "done")))
json.dump(answers, sys.stdout)
