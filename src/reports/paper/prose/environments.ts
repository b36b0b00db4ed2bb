/** @file The environments: <horizon>, <tasks> and <options/…> stand for values of the setting of the environment. */

const raw = String.raw;

const ROOM = `a room of <options/size> by <options/size> cells, one of which is a hidden goal`;
const START = 'Every episode starts in the centre.';
const SEEN = 'The agent sees its coordinates.';
const COMPASS_WORDS = 'It chooses among staying and the moves to the neighbouring cells; a move against a wall leaves it where it is.';
const PAID_STAYS = 'Every step that ends on the goal pays a reward of one, and an episode lasts <horizon|step>.';
const PAID_ONCE = 'Reaching the goal pays a reward of one and ends the episode, which lasts at most <horizon|step>.';
const TASKS = 'A task is a goal, and the family has <tasks> of them.';

/** A room: its name with what is like it, then what differs between rooms. */
const room = (
  name: string,
  { seen = SEEN, moves = COMPASS_WORDS, endsOnGoal = false }: { seen?: string; moves?: string; endsOnGoal?: boolean } = {},
): string => [`${name} is ${ROOM}.`, START, seen, moves, endsOnGoal ? PAID_ONCE : PAID_STAYS, TASKS].join(' ');

export const ENVIRONMENTS: Readonly<Record<string, string>> = {
  'dark-room': room(raw`Dark Room~\cite{laskin2023}`),
  'dark-room-hard': room(raw`Dark Room Hard~\cite{laskin2023}`, { endsOnGoal: true }),
  'dark-room-pixels': room(raw`Pixel Dark Room, a variant of Dark Room~\cite{laskin2023},`, {
    seen: 'The agent sees a picture of one grey channel in which every cell is a square of <options/pixels> by <options/pixels|pixel>: the cell where it stands is bright and everything else dark, the goal included.',
  }),
  'dark-room-moves': room(raw`Dark Room with pairs of moves, a variant of Dark Room~\cite{laskin2023},`, {
    moves:
      'An action is a pair of integers, which say by how much each coordinate changes (back, stay or on), so that diagonal moves are one step; a move against a wall leaves that coordinate as it is.',
  }),
  'point-room': raw`Point Room is Dark Room~\cite{laskin2023} with real states and actions: a point in a square that reaches from $-1$ to $1$ in both coordinates, and in it a hidden disc with a radius of <options/radius>. The agent sees its coordinates and starts every episode in the centre. An action is a displacement, which is shortened to a length of <options/stepLength> where it is longer. Every step that ends in the disc pays a reward of one, and an episode lasts <horizon|step>. A task is the centre of the disc, one of <tasks> on a grid of <options/goals> by <options/goals>.`,
  'key-to-door': raw`Dark Key-to-Door~\cite{laskin2023} is a room of <options/size> by <options/size> cells that hides a key and a door. The agent sees its coordinates and starts every episode in a random cell. It chooses among staying and the moves to the neighbouring cells. The first step that ends on the key pays a reward of one; the first step after it that ends on the door pays one more and ends the episode, which lasts at most <horizon|step>. A task is a cell for the key and one for the door, and the family has <tasks> such pairs.`,
  'delayed-bandit': raw`The delayed bandit~\cite{ma2026} has <options/arms|arm> whose mean rewards are drawn uniformly from the unit interval for every task. An episode is <options/pulls|pull>, then a delay of <options/delay> distractor steps, then <options/pulls|pull> of the same arms, <horizon|step> in all. A pull pays a Gaussian reward around the mean of its arm with a standard deviation of <options/deviation>. On a distractor step the environment executes a random arm whatever the agent says and pays nothing; such a step is neither a target nor scored. The agent sees nothing but whether the step is a distractor.`,
};
