"""Learning histories of tabular Q-learning in Gymnasium's FrozenLake, for `cadenza import`.

Each history has its own map. The observation is the number of the cell and does not show the map, so only the history reveals the holes.
Nothing here uses cadenza; it is what a user of Gymnasium would write.

    pip install gymnasium==1.4.0 "minari[hdf5]==0.5.4" h5py==3.16.0 pillow
    python examples/frozen_lake.py minari runs/frozen-lake-v0
    npx cadenza import runs/frozen-lake-v0 --out runs/frozen-lake-data
    npx cadenza run experiments/frozen-lake.yaml

    python examples/frozen_lake.py xland runs/frozen-lake.hdf5     # the same histories, with optimal actions
    npx cadenza import runs/frozen-lake.hdf5 --labels expert --out runs/frozen-lake-expert-data
    npx cadenza run experiments/frozen-lake.yaml --set source.dataset=runs/frozen-lake-expert-data --set name=frozen-lake-expert
"""

import argparse
import os
import shutil

import gymnasium as gym
import numpy as np
from gymnasium.envs.toy_text.frozen_lake import generate_random_map

SIZE, HORIZON, ACTIONS = 4, 20, 4
STEP_SIZE, DISCOUNT, EPSILON = 0.5, 0.95, 0.1


def maps(count, seed):
    """Distinct maps with a path from the start to the goal."""
    found, random = {}, np.random.default_rng(seed)
    while len(found) < count:
        rows = generate_random_map(size=SIZE, p=0.8, seed=int(random.integers(2**31)))
        found.setdefault("".join(rows), rows)
    return list(found.values())


def holes(rows):
    return [cell for cell, kind in enumerate("".join(rows)) if kind == "H"]


def lake(rows):
    return gym.make("FrozenLake-v1", desc=rows, is_slippery=False, max_episode_steps=HORIZON)


def learn(env, episodes, seed):
    """Q-learning with optimistic initial values. Returns its steps in order."""
    random = np.random.default_rng(seed)
    q = np.ones((SIZE * SIZE, ACTIONS))
    steps = []
    for episode in range(episodes):
        state, _ = env.reset(seed=int(random.integers(2**31)))
        ended = False
        while not ended:
            greedy = np.flatnonzero(q[state] == q[state].max())
            p = np.full(ACTIONS, EPSILON / ACTIONS)
            p[greedy] += (1 - EPSILON) / len(greedy)
            action = int(random.choice(ACTIONS, p=p))
            after, reward, terminated, truncated, _ = env.step(action)
            target = reward + (0 if terminated else DISCOUNT * q[after].max())
            q[state, action] += STEP_SIZE * (target - q[state, action])
            steps.append({
                "episode": episode, "state": state, "action": action, "reward": float(reward), "after": after,
                "terminated": bool(terminated), "truncated": bool(truncated), "ended": bool(terminated or truncated),
                # How well the learner's own distribution predicts its action: a bound for any model that observes it.
                "surprise": -np.log(p[action]), "hit": (action in greedy) / len(greedy),
            })
            state, ended = after, terminated or truncated
    return steps


def column(steps, name):
    return np.array([step[name] for step in steps])


def optimal_actions(env):
    """[cells] the first action of a shortest path to the goal."""
    q = np.zeros((SIZE * SIZE, ACTIONS))
    for _ in range(SIZE * SIZE):
        value = q.max(axis=1)
        for cell, actions in env.unwrapped.P.items():
            for action, outcomes in actions.items():
                q[cell, action] = sum(p * (r + DISCOUNT * (0 if ends else value[to])) for p, to, r, ends in outcomes)
    return q.argmax(axis=1)


def write_minari(path, layouts, histories):
    """Writes the folder of a Minari data set: one group per episode, with the map in the options of its reset."""
    home, name = os.path.split(os.path.abspath(path))
    shutil.rmtree(path, ignore_errors=True)
    os.environ["MINARI_DATASETS_PATH"] = home
    import minari
    from minari.data_collector import EpisodeBuffer

    def episodes():
        for rows, steps in zip(layouts, histories):
            ends = np.flatnonzero(column(steps, "ended")) + 1
            for own in np.split(np.array(steps), ends[:-1]):
                yield EpisodeBuffer(
                    options={"holes": holes(rows)},
                    observations=[own[0]["state"], *column(own, "after")],
                    actions=list(column(own, "action")),
                    rewards=list(column(own, "reward")),
                    terminations=list(column(own, "terminated")),
                    truncations=list(column(own, "truncated")),
                    infos={},
                )

    # Not DataCollector.add_to_dataset: in Minari 0.5.4 it loses the reset options.
    minari.create_dataset_from_buffers(
        name, list(episodes()), env=lake(layouts[0]), data_format="hdf5", algorithm_name="Q-learning", ref_min_score=0, ref_max_score=1
    )


def write_xland(path, layouts, histories):
    """Writes the layout of XLand-100B: one group per map, with optimal and executed actions."""
    import h5py

    with h5py.File(path, "w") as file:
        for i, (rows, steps) in enumerate(zip(layouts, histories)):
            group = file.create_group(str(i))
            group.attrs["env-id"] = "FrozenLake-v1"
            # The number of a map is the set of its holes, in bits, so it does not depend on the order in this file.
            group.attrs["ruleset-id"] = sum(1 << hole for hole in holes(rows))
            states = column(steps, "state")
            columns = {
                "states": states.astype(np.uint8),
                "actions": column(steps, "action").astype(np.uint8),
                "rewards": column(steps, "reward").astype(np.float16),
                "dones": column(steps, "ended"),
                "expert_actions": optimal_actions(lake(rows))[states].astype(np.uint8),
            }
            for name, data in columns.items():
                group.create_dataset(name, data=data[None], compression="gzip")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("layout", choices=["minari", "xland"])
    parser.add_argument("out")
    parser.add_argument("--maps", type=int, default=800)
    parser.add_argument("--episodes", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.makedirs(os.path.dirname(os.path.abspath(args.out)), exist_ok=True)
    layouts = maps(args.maps, args.seed)
    histories = [learn(lake(rows), args.episodes, [args.seed, i]) for i, rows in enumerate(layouts)]
    {"minari": write_minari, "xland": write_xland}[args.layout](args.out, layouts, histories)
    steps = np.concatenate(histories)
    episode = column(steps, "episode")
    print("episodes    return   the learner's own cross-entropy and accuracy")
    for first in range(0, args.episodes, 5):
        among = steps[(episode >= first) & (episode < first + 5)]
        numbers = column(among, "reward").sum() / column(among, "ended").sum(), column(among, "surprise").mean(), column(among, "hit").mean()
        print(f"{first + 1:3d} to {min(first + 5, args.episodes):3d}  " + "  ".join(f"{number:.3f}" for number in numbers))
    print(f"all         {column(steps, 'surprise').mean():.3f}  {column(steps, 'hit').mean():.3f}")
