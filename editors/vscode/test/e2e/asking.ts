// Asking: from a selection and from the chat; what is seen while the answer comes; stopping it; hostile answers.

import { has, same } from './world';
import type { Scenario } from './world';
import { again, until } from './until';

export const asking: Scenario[] = [
  {
    name: 'ask about a selection; the answer streams; progress is seen',
    cells: {
      'ask-from-selection': 'select, *Ask About This…* in the menu',
      'stream-visible': 'the chat in the side bar',
      'progress': 'the status bar, and the chat',
    },
    async run(world) {
      const { person, model } = world;
      await world.file('select.txt', 'first line\nthe chosen words\nlast line\n');
      await person.select(2, 'the chosen words');
      let release = (_: string): void => {};
      const second = new Promise<string>((resolve) => (release = resolve));
      const before = model.requests.length;
      const ask = async (): Promise<void> => {
        await person.command('Interline: Ask About This…');
        await person.input('What do these words mean?');
      };
      const end = await world.begin(ask, { say: 'They mean **something', then: second });
      const asked = await model.request(before);
      has('what the model was told', asked, 'the chosen words');
      has('what the model was told', asked, 'What do these words mean?');
      await person.chat.locator('.text', { hasText: 'They mean' }).waitFor();
      await person.page.locator('[id="status.progress"]', { hasText: 'Interline' }).waitFor();
      await person.chat.locator('#status', { hasText: 'working' }).waitFor();
      await person.chat.locator('#send', { hasText: 'Stop' }).waitFor();
      release('** to somebody.');
      await person.chat.locator('.text strong', { hasText: 'something' }).waitFor();
      await end();
      await person.chat.locator('#send', { hasText: 'Send' }).waitFor();
      same('the model in the foot', await person.chat.locator('#model').textContent(), 'test');
    },
  },
  {
    name: 'ask in the chat, about a file that is mentioned',
    cells: { 'ask-from-chat-buffer': 'the chat in the side bar, or as a Markdown file' },
    async run(world) {
      const { person, model } = world;
      await world.file('mentioned.txt', 'the mentioned words\n');
      const before = model.requests.length;
      await world.turn('Look at @mentioned.txt please.', { say: 'I have looked.' });
      has('what the model was told', await model.request(before), 'the mentioned words');
      await person.chat.locator('.user', { hasText: 'Look at @mentioned.txt please.' }).waitFor();
      await person.chat.locator('.text', { hasText: 'I have looked.' }).waitFor();
    },
  },
  {
    name: 'what is selected in the editor goes with what is asked in the chat',
    cells: {},
    async run(world) {
      const { person, model } = world;
      await world.file('focus.txt', 'the first line\nthe line in focus\nthe last line\n');
      await person.select(2, 'the line in focus');
      const before = model.requests.length;
      await world.turn('What is this?', { say: 'A line.' });
      has('what the model was told', await model.request(before), 'selected lines 2-2 of focus.txt');
      has('what the model was told', await model.request(before), 'the line in focus');
    },
  },
  {
    name: 'the chat as a Markdown file: write, complete a command, send',
    cells: {},
    async run(world) {
      const { person, model } = world;
      await world.turn('Said in the side bar.', { say: 'Heard in the side bar.' });
      await person.command('Interline: Open Chat as a Markdown File');
      await person.page.locator('.tab.active', { hasText: 'chat.md' }).waitFor();
      await person.focusEditor();
      // What was said before comes into the file first. Each edit from outside closes the list of completions, so no one writes before it has come.
      await until('what was said before is in the file', async () => {
        await person.keys('Control+End');
        return (await person.text()).includes('Heard in the side bar.');
      });
      await person.page.keyboard.type('/comp');
      const suggested = person.page.locator('.suggest-widget .monaco-list-row', { hasText: 'compact' });
      await again('the command is offered', () => person.keys('Control+Space'), (timeout) => suggested.waitFor({ timeout }));
      await person.keys('Escape');
      await suggested.waitFor({ state: 'hidden' });
      await person.keys('Shift+Home');
      await person.page.keyboard.type('Written in the file.');
      await person.seesPart('\nWritten in the file.');
      const before = model.requests.length;
      const end = await world.begin(() => person.act('Send'), { say: 'Read in the file.' });
      has('what the model was told', await model.request(before), 'Written in the file.');
      await end();
      // What was said before stands above it.
      await until('the answer is in the file', async () => {
        await person.keys('Control+End');
        return (await person.text()).includes('Read in the file.');
      });
      await person.save('chat.md');
    },
  },
  {
    name: 'a code action asks in the chat of the side bar',
    cells: {},
    async run(world) {
      const { person, model } = world;
      await world.file('action.txt', 'first\nsome code to explain\n');
      await person.select(2, 'some code to explain');
      const before = model.requests.length;
      const end = await world.begin(() => person.act('Interline: explain this'), { say: 'It is some code.' });
      has('what the model was told', await model.request(before), 'some code to explain');
      await end();
      // The chat as a file is not brought up.
      await person.page.locator('.tab.active', { hasText: 'action.txt' }).waitFor();
    },
  },
  {
    name: 'the list of what is to be done is shown, and what is done of it',
    cells: {},
    async run(world) {
      const { person } = world;
      const { chat } = person;
      const list = (...done: string[]): { call: string; input: Record<string, unknown> } => ({
        call: 'todowrite',
        input: { todos: ['Read <b>the shed</b>', 'Paint it', 'Let it dry'].map((content, at) => ({ content, status: done[at] ?? 'pending', priority: 'high' })) },
      });
      const end = await world.ask('Paint the shed.', list('in_progress'), list('completed', 'in_progress', 'cancelled'), { say: 'It is green.' });
      await end();
      await chat.locator('.todos[open] summary', { hasText: 'To do: 2 of 3 done' }).waitFor();
      same('lists that are open', await chat.locator('.todos[open]').count(), 1);
      same('the point that is being done', await chat.locator('.todos[open] .in_progress .words').textContent(), 'Paint it');
      await chat.locator('.todos[open] .completed .words', { hasText: 'Read <b>the shed</b>' }).waitFor();
      await world.picture('vscode-todos');
    },
  },
  {
    name: 'another agent and model are chosen',
    cells: {},
    async run({ person }) {
      const { chat } = person;
      for (const [button, name] of [['#agent', 'plan'], ['#agent', 'build'], ['#model', 'mock/test']] as const) {
        await chat.locator(button).click();
        await person.choose(name);
        await chat.locator(button, { hasText: name.split('/').at(-1) ?? name }).waitFor();
      }
    },
  },
  {
    name: 'a new session, and back to the old one',
    cells: {},
    async run(world) {
      const { person, model } = world;
      const { chat } = person;
      await world.file('session.txt', 'here\n');
      // Its first message names a session.
      await person.command('Interline: New Session');
      await chat.locator('.welcome').waitFor();
      await world.turn('The first word is walrus.', { say: 'Walrus.' });
      await person.command('Interline: New Session');
      await chat.locator('.welcome').waitFor();
      const before = model.requests.length;
      await world.turn('What was the first word?', { say: 'I cannot know.' });
      const told = await model.request(before);
      if (told.includes('walrus')) throw new Error(`the new session knows of the old one: ${told}`);
      await person.command('Interline: Sessions…');
      await person.choose('The first word is walrus.');
      await chat.locator('.user', { hasText: 'The first word is walrus.' }).waitFor();
      await world.turn('And now?', { say: 'It was walrus.' });
      has('what the model was told', await model.request(before + 1), 'The first word is walrus.');
    },
  },
  {
    name: 'stop a turn in the chat',
    cells: { 'cancel': 'the chat: *Stop*' },
    async run(world) {
      const { person, model } = world;
      const left = model.left;
      const end = await world.ask('Say something long.', { say: 'It began when', hang: true });
      await person.chat.locator('.text', { hasText: 'It began when' }).waitFor();
      await person.chat.locator('#send', { hasText: 'Stop' }).click();
      await end();
      await person.chat.locator('.end').last().getByText('cancelled').waitFor();
      await until('the connection to the model closes', () => model.left > left);
    },
  },
  {
    name: 'commands and mentions complete',
    cells: { 'slash-commands-and-mentions-complete': 'as it is typed in the chat' },
    async run({ desk, person }) {
      const { chat } = person;
      desk.write('mentions/here.txt', 'here\n');
      const draft = chat.locator('#draft');
      await draft.click();
      await draft.pressSequentially('/comp');
      await chat.locator('#suggestions li.marked', { hasText: 'compact' }).waitFor();
      await draft.press('Tab');
      same('the completed command', await draft.inputValue(), '/compact ');
      await draft.fill('');
      await draft.pressSequentially('see @here');
      await chat.locator('#suggestions li.marked', { hasText: 'mentions/here.txt' }).waitFor();
      await draft.press('Enter');
      same('the completed mention', await draft.inputValue(), 'see @mentions/here.txt ');
      await draft.fill('');
    },
  },
  {
    name: 'what a hostile model writes stays text, in the chat and in notifications',
    cells: {},
    async run(world) {
      const { person } = world;
      const words = '<img src=x onerror="document.title=1"><script>1</script> [go](command:workbench.action.files.newUntitledFile)';
      const end = await world.ask('Be hostile.', { say: words });
      await end();
      await person.chat.locator('.text', { hasText: '<img src=x' }).waitFor();
      same('images and links in the chat', await person.chat.locator('#items img, #items a, #items script').count(), 0);
      const title = 'ask-first "[Allow](command:workbench.action.files.newUntitledFile)"';
      const asked = await world.ask('And again.', world.bash(title));
      const toast = person.toast('asks for permission');
      await toast.waitFor();
      same('links in the notification', await toast.locator('.notification-list-item-message a').count(), 0);
      await person.press(toast, 'Deny…');
      // Without a reason a denial ends the turn.
      await person.input('');
      await asked();
      await world.ask('And once more.', { refuse: 'odd request [mend it](command:workbench.action.files.newUntitledFile)' });
      const told = person.toast('odd request');
      await told.waitFor();
      same('links in the message', await told.locator('.notification-list-item-message a').count(), 0);
      await person.chat.locator('.note.error', { hasText: 'odd request' }).waitFor();
      await person.command('Notifications: Clear All Notifications');
    },
  },
];
