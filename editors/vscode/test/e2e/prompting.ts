// Permission prompts and questions: in a notification, on the line, in the chat; whichever is answered first counts everywhere.

import { has, same } from './world';
import type { Scenario } from './world';

export const prompting: Scenario[] = [
  {
    name: 'allow once, in the notification',
    cells: { 'permit-once': 'the notification, above the line, or the chat: *Allow once*' },
    async run(world) {
      const { person } = world;
      await world.file('guarded-once.txt', 'one\ntwo\n');
      const end = await world.ask('Edit it.', world.edit('guarded-once.txt', 'two', 'TWO'), { say: 'Done.' });
      const toast = person.toast('asks for permission: Edit');
      await toast.waitFor();
      await person.chat.locator('.card.waiting .buttons').first().waitFor();
      await person.sees('one\ntwo\n');
      await person.press(toast, 'Allow once');
      await person.sees('one\nTWO\n');
      await end();
      await person.chat.locator('.card', { hasText: 'Allowed once' }).last().waitFor();
    },
  },
  {
    name: 'allow once, on the line; the notification goes',
    cells: {},
    async run(world) {
      const { person } = world;
      await world.file('guarded-line.txt', 'one\ntwo\n');
      const end = await world.ask('Edit it.', world.edit('guarded-line.txt', 'two', 'TWO'), { say: 'Done.' });
      const toast = person.toast('asks for permission: Edit');
      await toast.waitFor();
      await person.lens('Allow once').click();
      await person.sees('one\nTWO\n');
      await toast.waitFor({ state: 'hidden' });
      await end();
    },
  },
  {
    name: 'allow once, in the chat; the notification goes while the turn goes on',
    cells: {},
    async run(world) {
      const { person } = world;
      await world.file('guarded-chat.txt', 'one\ntwo\n');
      let release = (_: string): void => {};
      const rest = new Promise<string>((resolve) => (release = resolve));
      const end = await world.ask('Edit it.', world.edit('guarded-chat.txt', 'two', 'TWO'), { say: 'Almost', then: rest });
      const toast = person.toast('asks for permission: Edit');
      await toast.waitFor();
      const card = person.chat.locator('.card.waiting');
      await card.getByText('Allow once', { exact: true }).click();
      await person.sees('one\nTWO\n');
      await person.chat.locator('.text', { hasText: 'Almost' }).last().waitFor();
      await toast.waitFor({ state: 'hidden' });
      await person.chat.locator('#send', { hasText: 'Stop' }).waitFor();
      same('cards that wait', await card.count(), 0);
      release(' done.');
      await end();
      await person.chat.locator('.card', { hasText: 'Allowed once' }).last().waitFor();
    },
  },
  {
    name: 'allow for good, in the chat: the next one is not asked',
    cells: {},
    async run(world) {
      const { person } = world;
      const end = await world.ask('Look.', world.bash('ask-in-chat 1 || true'), { say: 'Done.' });
      const toast = person.toast('asks for permission');
      await toast.waitFor();
      await person.chat.locator('.card.waiting').getByText('Always allow', { exact: true }).click();
      await end();
      await toast.waitFor({ state: 'hidden' });
      await person.chat.locator('.card', { hasText: 'Always allowed' }).last().waitFor();
      await world.turn('Look again.', world.bash('ask-in-chat 2 || true'), { say: 'Done, and nobody was asked.' });
      await person.chat.locator('.text', { hasText: 'Done, and nobody was asked.' }).waitFor();
    },
  },
  {
    name: 'allow for good: the next one is not asked',
    cells: { 'permit-always': 'the notification or the chat: *Always allow*' },
    async run(world) {
      const { person } = world;
      await world.file('file.txt', 'one\ntwo\n');
      const end = await world.ask('Look.', world.bash('ask-always 1 || true'), { say: 'Done.' });
      await person.press(person.toast('asks for permission'), 'Always allow');
      await end();
      await world.turn('Look again.', world.bash('ask-always 2 || true'), { say: 'Done again.' });
      await person.chat.locator('.text', { hasText: 'Done again.' }).waitFor();
    },
  },
  {
    name: 'deny with a reason, in the notification and in the chat',
    cells: { 'deny-with-reason': 'the notification or the chat: *Deny* and the reason' },
    async run(world) {
      const { person, model } = world;
      await world.file('guarded-deny.txt', 'one\ntwo\n');
      let before = model.requests.length;
      const end = await world.ask('Edit it.', world.edit('guarded-deny.txt', 'two', 'TWO'), { say: 'I see.' });
      await person.press(person.toast('asks for permission: Edit'), 'Deny…');
      await person.input('two is a good number');
      has('what the model was told', await model.request(before + 1), 'two is a good number');
      await end();
      await person.sees('one\ntwo\n');
      before = model.requests.length;
      const again = await world.ask('Edit it all the same.', world.edit('guarded-deny.txt', 'one', 'ONE'), { say: 'I see again.' });
      const card = person.chat.locator('.card.waiting');
      await card.locator('.reason').fill('one is one');
      await card.getByText('Deny', { exact: true }).click();
      has('what the model was told', await model.request(before + 1), 'one is one');
      await again();
      await person.toast('asks for permission').waitFor({ state: 'hidden' });
      same('cards that wait', await card.count(), 0);
    },
  },
  {
    name: 'a question is answered by its choices',
    cells: { 'question-from-the-agent': 'the notification or the chat' },
    async run(world) {
      const { person, model } = world;
      const question = { question: 'Which colour shall it be?', header: 'Colour', options: [{ label: 'Red', description: 'like a rose' }, { label: 'Blue', description: 'like the sea' }] };
      const before = model.requests.length;
      const end = await world.ask('Ask me.', { call: 'question', input: { questions: [question] } }, { say: 'Blue it is.' });
      await person.press(person.toast('Which colour'), 'Answer…');
      await person.choose('Blue');
      has('what the model was told', await model.request(before + 1), 'Blue');
      await end();
      await person.chat.locator('.card', { hasText: 'Blue' }).last().waitFor();
    },
  },
];
