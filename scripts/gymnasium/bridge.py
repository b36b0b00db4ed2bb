"""Runs Gymnasium environments for cadenza, with requests on standard input and answers on standard output.

A request is a header (length of the body and kind, two 32-bit little-endian integers) and a body:

    COMMAND   JSON, {"command": …, …}: a method of `Bridge`
    STEP      the number of a group (32 bits) and the actions of its environments, float32 or int32

An answer is a header (length; 0, or 1 for a failure) and a body: JSON, or the numbers of a reset or step in the layout of `Group`. The process
ends at the end of standard input, or by SIGALRM if a request takes longer than the limit (the first argument, in seconds).
"""

import importlib
import json
import os
import signal
import struct
import sys

# Find modules in the working directory, like `python -m`, but after all others.
sys.path.append(os.getcwd())

COMMAND, STEP = 0, 1
HEADER = struct.Struct("<II")
NUMBER = struct.Struct("<I")
# Maximum number of unused environments to keep for later groups.
MOST_IDLE = 512
MOST_IMAGE_AXES = (2, 3)


class Refusal(Exception):
    """A failure with a cadenza error code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


try:
    import gymnasium
    import numpy as np
    from gymnasium import spaces

    missing = None
except ImportError as error:
    missing = str(error)


# ---- spaces -------------------------------------------------------------------------------------------------------------------


class Leaf:
    """A part of a space with one array of numbers, at the keys `path` of an element."""

    def __init__(self, space, path):
        self.space, self.path = space, path
        self.start, self.nvec, self.low, self.high = 0, None, None, None
        if isinstance(space, spaces.Discrete):
            self.start, self.nvec = int(space.start), [int(space.n)]
        elif isinstance(space, spaces.MultiDiscrete):
            self.start, self.nvec = np.asarray(getattr(space, "start", 0)), space.nvec.reshape(-1).tolist()
        elif isinstance(space, spaces.MultiBinary):
            self.nvec = [2] * int(np.prod(space.shape))
        elif isinstance(space, spaces.Box):
            # Unbounded: the range of 32 bits.
            most = np.finfo(np.float32).max
            self.low, self.high = (np.clip(b.reshape(-1).astype(np.float64), -most, most).astype(np.float32).tolist() for b in (space.low, space.high))
        else:
            raise Refusal("E_CONFIG", f"the space {space} is not supported; expected {KNOWN}")
        self.size = len(self.nvec or self.low)
        self.is_flat = len(space.shape) < 2

    def bounds(self):
        return (self.low, self.high) if self.low else ([0] * self.size, [n - 1 for n in self.nvec])

    def numbers(self, element):
        for key in self.path:
            element = element[key]
        if self.nvec:
            element = element - self.start
        return element if self.is_flat else np.reshape(element, -1)


KNOWN = "Discrete, MultiDiscrete, MultiBinary, Box, or a Dict or Tuple of these"


def leaves(space, path=()):
    """All leaves, in the order of the space. Text is ignored, as in imported recordings."""
    if isinstance(space, spaces.Dict):
        return [leaf for key, each in space.spaces.items() for leaf in leaves(each, (*path, key))]
    if isinstance(space, spaces.Tuple):
        return [leaf for i, each in enumerate(space.spaces) for leaf in leaves(each, (*path, i))]
    # Some packages define their own text spaces.
    is_text = space.dtype is not None and space.dtype.kind == "U"
    return [] if is_text else [Leaf(space, path)]


def integers(parts):
    nvec = [n for leaf in parts for n in leaf.nvec]
    return {"kind": "discrete", "n": nvec[0]} if len(nvec) == 1 else {"kind": "multi-discrete", "nvec": nvec}


class Observations:
    """Converts elements of the observation space to rows of numbers."""

    def __init__(self, space):
        self.leaves = leaves(space)
        self.size = sum(leaf.size for leaf in self.leaves)
        if self.size == 0:
            raise Refusal("E_CONFIG", f"observations of the space {space} contain no numbers; expected {KNOWN}")
        self.is_image = False
        if isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) in MOST_IMAGE_AXES:
            height, width, *channels = space.shape
            self.space = {"kind": "image", "height": height, "width": width, "channels": channels[0] if channels else 1}
            self.is_image = True
        elif all(leaf.nvec for leaf in self.leaves):
            self.space = integers(self.leaves)
        else:
            # In a mix of integers and reals, integers become reals.
            low, high = ([number for leaf in self.leaves for number in leaf.bounds()[i]] for i in (0, 1))
            self.space = {"kind": "box", "low": low, "high": high}

    def write(self, observation, row):
        if len(self.leaves) == 1:
            row[:] = self.leaves[0].numbers(observation)
        else:
            at = 0
            for leaf in self.leaves:
                row[at : at + leaf.size] = leaf.numbers(observation)
                at += leaf.size
        if self.is_image:
            row /= 255


class Actions:
    """Converts rows of numbers to elements of the action space."""

    def __init__(self, space):
        self.whole = space
        self.leaves = leaves(space)
        self.size = sum(leaf.size for leaf in self.leaves)
        if self.leaves and all(leaf.nvec for leaf in self.leaves):
            self.space, self.dtype = integers(self.leaves), "<i4"
        elif self.leaves and all(leaf.low for leaf in self.leaves):
            if not all(leaf.space.is_bounded() for leaf in self.leaves):
                raise Refusal("E_CONFIG", f"actions of the space {space} are unbounded; register the environment with a wrapper that sets bounds")
            low, high = ([number for leaf in self.leaves for number in leaf.bounds()[i]] for i in (0, 1))
            self.space, self.dtype = {"kind": "box", "low": low, "high": high}, "<f4"
        else:
            raise Refusal("E_CONFIG", f"actions of the space {space} mix integers and reals, which no policy supports; use a wrapper with one kind")

    def element(self, row, space=None):
        """Removes numbers from the start of the list `row` and returns the element that they encode."""
        space = self.whole if space is None else space
        if isinstance(space, spaces.Discrete):
            return row.pop(0) + int(space.start)
        if isinstance(space, spaces.Dict):
            return {key: self.element(row, each) for key, each in space.spaces.items()}
        if isinstance(space, spaces.Tuple):
            return tuple(self.element(row, each) for each in space.spaces)
        size = int(np.prod(space.shape))
        numbers = np.reshape(row[:size], space.shape)
        del row[:size]
        if isinstance(space, spaces.Box):
            # Bounds were rounded to 32 bits, and some boxes have integer types.
            numbers = np.clip(np.rint(numbers) if np.issubdtype(space.dtype, np.integer) else numbers, space.low, space.high)
        return (numbers + getattr(space, "start", 0)).astype(space.dtype)

    def read(self, data):
        """Returns one action per environment."""
        numbers = np.frombuffer(data, dtype=self.dtype).tolist()
        if isinstance(self.whole, spaces.Discrete):
            return numbers if self.leaves[0].start == 0 else [number + self.leaves[0].start for number in numbers]
        return [self.element(numbers[at : at + self.size]) for at in range(0, len(numbers), self.size)]


# ---- environments -------------------------------------------------------------------------------------------------------------


class Environment:
    """One Gymnasium environment, described by a variant {"make", "horizon", "kwargs", "attributes", "options", "seed"}."""

    def __init__(self, variant):
        self.key = json.dumps(variant, sort_keys=True)
        self.seed, self.options = variant.get("seed"), variant.get("options")
        self.env = made(variant)
        self.step = self.env.step
        for path, value in variant.get("attributes", {}).items():
            *owners, name = path.split(".")
            owner = self.env.unwrapped
            for each in [*owners, None]:
                if not hasattr(owner, each or name):
                    raise Refusal("E_CONFIG", f"{variant['make']}: {type(owner).__name__} has no attribute {each or name} (attributes: {path})")
                owner = getattr(owner, each) if each else owner
            former = getattr(owner, name)
            setattr(owner, name, np.asarray(value, former.dtype) if isinstance(former, np.ndarray) else value)

    def reset(self, seed=None):
        return self.env.reset(seed=seed if self.seed is None else self.seed, options=self.options)[0]


def made(variant):
    horizon = {"max_episode_steps": variant["horizon"]} if variant["horizon"] else {}
    try:
        return gymnasium.make(variant["make"], disable_env_checker=True, **horizon, **variant.get("kwargs", {}))
    except (gymnasium.error.DependencyNotInstalled, ImportError) as error:
        raise Refusal("E_INSTALL", f"{variant['make']} needs a package that is not installed: {error}")
    except Exception as error:
        arguments = json.dumps(variant.get("kwargs", {}))
        raise Refusal("E_CONFIG", f"gymnasium.make({variant['make']!r}) with the arguments {arguments} failed: {type(error).__name__}: {error}")


class Group:
    """Environments that step together. The answer to a step is one buffer:

    observation [size × F], final observation [size × F], reward [size], float32; terminated [size], truncated [size], bytes
    """

    def __init__(self, environments):
        self.environments = environments
        self.observations = Observations(environments[0].env.observation_space)
        self.actions = Actions(environments[0].env.action_space)
        size, width = len(environments), self.observations.size
        self.buffer = bytearray(size * (8 * width + 6))
        floats = np.frombuffer(self.buffer, dtype="<f4", count=size * (2 * width + 1))
        self.observation = floats[: size * width].reshape(size, width)
        self.final = floats[size * width : 2 * size * width].reshape(size, width)
        self.reward, self.floats = floats[2 * size * width :], floats
        flags = np.frombuffer(self.buffer, dtype=np.uint8, offset=floats.nbytes)
        self.terminated, self.truncated = flags[:size], flags[size:]
        # Rows by environment, created once, because indexing an array creates a new view each time.
        self.each = list(zip(environments, self.final))

    def reset(self, seeds):
        for i, environment in enumerate(self.environments):
            self.observations.write(environment.reset(seeds[i] if seeds else None), self.observation[i])
        self.expect_finite(self.observation)
        return self.observation.tobytes()

    def step(self, data):
        write = self.observations.write
        results = []
        for (environment, row), action in zip(self.each, self.actions.read(data)):
            observation, *rest, _ = environment.step(action)
            write(observation, row)
            results.append(rest)
        self.reward[:], self.terminated[:], self.truncated[:] = zip(*results)
        self.observation[:] = self.final
        for i in np.flatnonzero(self.terminated | self.truncated):
            write(self.environments[i].reset(), self.observation[i])
        self.expect_finite(self.floats)
        return self.buffer

    def expect_finite(self, numbers):
        if not np.isfinite(numbers).all():
            raise Refusal("E_NUMERICS", "an observation or reward is NaN or too large for 32 bits")


# ---- requests -----------------------------------------------------------------------------------------------------------------


class Bridge:
    """The commands. Each method answers one."""

    def __init__(self):
        self.groups, self.idle = {}, {}

    def hello(self):
        if missing:
            raise Refusal("E_INSTALL", f"gymnasium is not installed ({missing})")
        return {"python": sys.version.split()[0], "gymnasium": gymnasium.__version__, "numpy": np.__version__}

    def call(self, function, kwargs, seeds):
        """Results of a Python function for every seed."""
        module, name = function.split(":")
        try:
            target = getattr(importlib.import_module(module), name)
            return json.loads(json.dumps([target(**kwargs, seed=seed) for seed in range(seeds)]))
        except Exception as error:
            raise Refusal("E_CONFIG", f"calling {function} failed: {type(error).__name__}: {error}")

    def describe(self, variant):
        """Spaces and horizon of an environment, which stays available for the next group."""
        environment = self.take(variant)
        self.give_back(environment)
        spec = environment.env.spec
        return {
            "observationSpace": Observations(environment.env.observation_space).space,
            "actionSpace": Actions(environment.env.action_space).space,
            "horizon": variant["horizon"] or (spec and spec.max_episode_steps),
        }

    def open(self, group, variants):
        self.groups[group] = Group([self.take(variant) for variant in variants])

    def reset(self, group, seeds):
        return self.groups[group].reset(seeds)

    def close(self, group):
        for environment in self.groups.pop(group).environments:
            self.give_back(environment)

    def take(self, variant):
        kept = self.idle.get(json.dumps(variant, sort_keys=True))
        return kept.pop() if kept else Environment(variant)

    def give_back(self, environment):
        if sum(map(len, self.idle.values())) < MOST_IDLE:
            self.idle.setdefault(environment.key, []).append(environment)
        else:
            environment.env.close()


def answer_to(bridge, kind, data):
    if kind == STEP:
        return bridge.groups[NUMBER.unpack_from(data)[0]].step(memoryview(data)[NUMBER.size :])
    request = json.loads(data)
    found = getattr(bridge, request.pop("command"))(**request)
    return found if isinstance(found, bytes) else json.dumps(found).encode()


def serve(requests, answers, limit):
    bridge = Bridge()
    alarm = getattr(signal, "setitimer", lambda *_: None)
    while len(header := requests.read(HEADER.size)) == HEADER.size:
        length, kind = HEADER.unpack(header)
        data = requests.read(length)
        alarm(getattr(signal, "ITIMER_REAL", None), limit)
        try:
            failed, answer = 0, answer_to(bridge, kind, data)
        except Refusal as refusal:
            failed, answer = 1, json.dumps({"code": refusal.code, "message": str(refusal)}).encode()
        except Exception as error:
            failed, answer = 1, json.dumps({"code": "E_EXECUTOR", "message": f"{type(error).__name__}: {error}"}).encode()
        alarm(getattr(signal, "ITIMER_REAL", None), 0)
        answers.write(HEADER.pack(len(answer), failed))
        answers.write(answer)
        answers.flush()


if __name__ == "__main__":
    # The parent process decides when to stop: a terminal sends signals to both processes.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    # Output that environments print must not mix with answers.
    private = os.dup(1)
    os.dup2(2, 1)
    with open(private, "wb") as answers:
        try:
            serve(sys.stdin.buffer, answers, float(sys.argv[1]))
        except BrokenPipeError:
            os._exit(0)
