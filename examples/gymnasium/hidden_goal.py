"""A 5 × 5 grid with a hidden goal, as an environment of Gymnasium. Only rewards reveal the goal."""

import gymnasium
from gymnasium.spaces import Discrete, MultiDiscrete

MOVES = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]


class HiddenGoal(gymnasium.Env):
    def __init__(self, size=5, goal=(0, 0)):
        self.size, self.goal = size, tuple(goal)
        self.observation_space = MultiDiscrete([size, size])
        self.action_space = Discrete(len(MOVES))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = (self.size // 2, self.size // 2)
        return self.place, {}

    def step(self, action):
        self.place = tuple(min(self.size - 1, max(0, at + by)) for at, by in zip(self.place, MOVES[action]))
        return self.place, float(self.place == self.goal), False, False, {}


def goal(size, seed):
    """One goal per seed: the tasks of the experiment."""
    return [seed % size, seed // size]


gymnasium.register(id="HiddenGoal-v0", entry_point=HiddenGoal, max_episode_steps=15)
