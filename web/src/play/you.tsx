/** @file A person plays: a button for every action, arrow keys for actions that are directions, and digits. */

import { WAYS } from './drawing.tsx';

export function You({ actions, onAct }: { readonly actions: readonly string[]; readonly onAct: (action: number) => void }) {
  const onKeyDown = (event: KeyboardEvent) => {
    const way = event.key.startsWith('Arrow') ? WAYS[event.key.slice('Arrow'.length).toLowerCase()] : undefined;
    const action = way ? actions.findIndex(name => String(WAYS[name]) === String(way)) : event.key === '0' ? -1 : Number(event.key) - 1;
    if (!(action in actions)) return;
    event.preventDefault();
    onAct(action);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys reach it from its buttons.
    <div class="controls you" onKeyDown={onKeyDown}>
      {actions.map((name, i) => (
        <button type="button" title={`key ${i + 1}`} onClick={() => onAct(i)}>
          {name}
        </button>
      ))}
    </div>
  );
}
