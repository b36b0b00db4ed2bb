"""An exported agent in Python: compress.onnx and act.onnx, driven by model.json.

This is the `packed` tokenizer with the context layout `window`, as in the preset dark-room; docs/how-to/deploy.md describes the tokens.

    pip install numpy onnxruntime
    python examples/python/act.py runs/dark-room/model        # probabilities of the first action, by name
"""

import json
import sys

import numpy as np
import onnxruntime


class Agent:
    def __init__(self, folder):
        with open(f"{folder}/model.json", encoding="utf-8") as file:
            self.model = json.load(file)
        assert self.model["tokenizer"] == "packed" and self.model.get("contextLayout", "window") == "window" and not self.model.get("recurrent")
        names = [name for name in ("act", "compress") if f"{name}.onnx" in self.model["files"]]
        self.graphs = {name: onnxruntime.InferenceSession(f"{folder}/{name}.onnx") for name in names}
        self.reset()

    def reset(self):
        """Starts a new task with an empty memory."""
        self.past, self.episode, self.latents = [], [], None

    def act(self, observation):
        """Returns action probabilities, given the observations since `reset`."""
        columns = self.model["tokens"]
        if self.latents is None and "compress" in self.graphs:
            length = self.model["contextTransitions"]
            context = np.zeros((1, length, columns["context"]["width"]), np.float32)
            for row, transition in zip(context[0, length - len(self.past[-length:]) :], self.past[-length:]):
                write(row, columns["context"]["fields"], transition)
            (self.latents,) = self.graphs["compress"].run(["latents"], {"context": context})
        query = np.zeros((1, self.model["horizon"], columns["query"]["width"]), np.float32)
        states = [step["observation"] for step in self.episode] + [observation]
        for t, state in enumerate(states):
            before = self.episode[t - 1] if t > 0 else None
            previous = {"previousAction": before["action"], "previousReward": before["reward"]} if before else {}
            write(query[0, t], columns["query"]["fields"], {"observation": state, **previous})
        feeds = {"query": query} if self.latents is None else {"query": query, "latents": self.latents}
        (probabilities,) = self.graphs["act"].run(["probabilities"], feeds)
        return probabilities[0, len(states) - 1]

    def observe(self, observation, action, reward, next_observation, done):
        """Adds a transition. At the end of an episode, the whole history is compressed again."""
        values = (observation, action, reward, next_observation, float(done))
        self.episode.append(dict(zip(("observation", "action", "reward", "nextObservation", "done"), values)))
        if done:
            self.past, self.episode, self.latents = self.past + self.episode, [], None


def write(row, fields, values):
    """Writes values by the name of their field; `observation.0` and `observation.1` are the components of `observation`."""
    for field in fields:
        name, _, index = field["name"].partition(".")
        if name not in values:
            continue
        value = np.atleast_1d(values[name])[int(index)] if index else values[name]
        at, size = field["offset"], field["size"]
        row[at : at + size] = np.eye(size)[int(value)] if field["kind"] == "categorical" else value
        row[field["presence"]] = 1


if __name__ == "__main__":
    agent = Agent(sys.argv[1])
    probabilities = agent.act([size // 2 for size in agent.model["observationSpace"]["nvec"]])
    for name, probability in zip(agent.model["actionNames"], probabilities):
        print(f"{name:8}{probability:.4f}")
