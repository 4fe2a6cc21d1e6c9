// Hunks: going from one to the next, accepting, rejecting, and looking at them side by side.

import type { Scenario } from './world';
import { until } from './until';

const TEXT = 'one\ntwo\nthree\nfour\nfive\nsix\n';

export const reviewing: Scenario[] = [
  {
    name: 'go over the hunks, accept one, reject one',
    cells: {
      'next-previous-hunk': '*Next Change*, *Previous Change*',
      'accept-hunk': 'above the change: *Accept*',
      'reject-hunk': 'above the change: *Reject*',
    },
    async run(world) {
      const { person } = world;
      await world.file('hunks.txt', TEXT);
      await world.turn('Change two lines.', world.edit('hunks.txt', 'two', 'TWO'), world.edit('hunks.txt', 'five', 'FIVE'), { say: 'Done.' });
      await person.sees('one\nTWO\nthree\nfour\nFIVE\nsix\n');
      const accepts = person.page.locator('.editor-group-container.active .codelens-decoration a', { hasText: 'Accept' });
      await until('each change can be accepted', async () => (await accepts.count()) === 2);
      await person.goTo(1);
      await person.command('Interline: Next Change');
      await person.atLine(2);
      await person.command('Interline: Next Change');
      await person.atLine(5);
      await person.command('Interline: Previous Change');
      await person.atLine(2);
      await person.lens('Accept').click();
      await until('one change is left', async () => (await accepts.count()) === 1);
      await person.sees('one\nTWO\nthree\nfour\nFIVE\nsix\n');
      await person.lens('Reject').click();
      await person.sees('one\nTWO\nthree\nfour\nfive\nsix\n');
      await person.lens('Reject').waitFor({ state: 'detached' });
    },
  },
  {
    name: 'a turn is shown side by side with what was there before',
    cells: {},
    async run(world) {
      const { person } = world;
      await world.file('review.txt', TEXT);
      await world.turn('Change it.', world.edit('review.txt', 'four', 'FOUR'), { say: 'Done.' });
      await person.sees('one\ntwo\nthree\nFOUR\nfive\nsix\n');
      await person.chat.locator('.end').last().getByText('Review changes').click();
      const diff = person.page.locator('.editor-group-container.active .monaco-diff-editor');
      await diff.locator('.editor.original .view-line', { hasText: 'four' }).first().waitFor();
      await diff.locator('.editor.modified .view-line', { hasText: 'FOUR' }).first().waitFor();
    },
  },
  {
    name: 'a turn over several files is shown side by side in one',
    cells: {},
    async run(world) {
      const { person, desk } = world;
      desk.write('review-b.txt', 'alpha\nbeta\n');
      await world.file('review-a.txt', TEXT);
      await world.turn('Change both.', world.edit('review-a.txt', 'four', 'FOUR'), world.edit('review-b.txt', 'beta', 'BETA'), { say: 'Done.' });
      await person.chat.locator('.end').last().getByText('Review changes').click();
      await person.page.locator('.tab.active', { hasText: 'Interline: changes' }).waitFor();
      for (const word of ['FOUR', 'BETA']) await person.page.locator('.editor-group-container.active .editor.modified .view-line', { hasText: word }).first().waitFor();
    },
  },
];
