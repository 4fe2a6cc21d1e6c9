// Leaving the editor, and coming back.

import { has } from './world';
import type { Scenario } from './world';

export const resuming: Scenario[] = [
  {
    name: 'the server dies in mid turn, and the conversation goes on',
    cells: {},
    async run(world) {
      const { desk, person, model } = world;
      await world.file('dies.txt', 'here\n');
      await world.turn('The bird is a robin.', { say: 'A robin.' });
      await world.ask('Say something long.', { say: 'Long ago', hang: true });
      await person.chat.locator('.text', { hasText: 'Long ago' }).waitFor();
      desk.killInterline();
      await person.chat.locator('.note.error', { hasText: 'in the middle of this turn' }).waitFor();
      await person.chat.locator('#send', { hasText: 'Send' }).waitFor();
      const before = model.requests.length;
      await world.turn('Which bird was it?', { say: 'It was the robin.' });
      has('what the model was told', await model.request(before), 'The bird is a robin.');
    },
  },
  {
    name: 'the editor is left in mid turn, and the conversation goes on where it was',
    cells: { 'survives-quit-and-resumes': 'open the chat' },
    async run(world) {
      const { model } = world;
      await world.turn('Remember the word heron.', { say: 'I shall remember it.' });
      await world.ask('And tell me of it.', { say: 'It stands in the water', hang: true });
      await world.person.chat.locator('.text', { hasText: 'It stands in the water' }).waitFor();
      const person = await world.restart();
      await person.command('Interline: Open Chat');
      await person.chat.locator('.user', { hasText: 'Remember the word heron.' }).waitFor();
      await person.chat.locator('.text', { hasText: 'I shall remember it.' }).waitFor();
      await person.chat.locator('.text', { hasText: 'It stands in the water' }).waitFor();
      await person.idle();
      const before = model.requests.length;
      model.script({ say: 'It was the heron.' });
      await person.say('Which word was it?');
      const told = await model.request(before);
      has('what the model was told', told, 'Remember the word heron.');
      has('what the model was told', told, 'It stands in the water');
      await person.chat.locator('.text', { hasText: 'It was the heron.' }).last().waitFor();
    },
  },
];
