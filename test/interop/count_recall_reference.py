"""What POPGym's CountRecall (Morad et al. 2023) does with the answers on stdin; JSON in, JSON out.

In:  [{"level": "easy" | "medium" | "hard", "seed": n, "answers": [...]}, ...]
Out: [{"cards": [...], "queries": [...], "first": [card, query], "steps": [[card, query, reward, terminated], ...]}, ...]
"""

import json
import sys

from popgym.envs.count_recall import CountRecallEasy, CountRecallHard, CountRecallMedium

LEVELS = {"easy": CountRecallEasy, "medium": CountRecallMedium, "hard": CountRecallHard}


def play(asked):
    env = LEVELS[asked["level"]]()
    first, _ = env.reset(seed=asked["seed"])
    # Cards are dealt from the end of a deck.
    dealt = [env.deck_idx_type[deck.idx[::-1]].tolist() for deck in (env.value_deck, env.query_deck)]
    steps = []
    for answer in asked["answers"]:
        seen, reward, terminated, _, _ = env.step(answer)
        steps.append([*seen.tolist(), float(reward), int(terminated)])
    return {"cards": dealt[0], "queries": dealt[1], "first": first.tolist(), "steps": steps}


json.dump([play(asked) for asked in json.load(sys.stdin)], sys.stdout)
