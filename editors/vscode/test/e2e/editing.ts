// Edits: in open files, clean, unsaved and being typed in; in files that are not open; new, deleted and renamed ones; undo.

import { has, same } from './world';
import type { Scenario } from './world';
import { until } from './until';

export const editing: Scenario[] = [
  {
    name: 'an open file is edited in its buffer, one undo step an edit',
    cells: { 'edit-open-clean-file': 'in the buffer', 'one-step-undo-per-edit': '`Ctrl+Z`' },
    async run(world) {
      const { person, desk } = world;
      const text = 'one\ntwo\nthree\n';
      await world.file('clean.txt', text);
      await world.turn('Make it loud.', world.edit('clean.txt', 'one', 'ONE'), world.edit('clean.txt', 'three', 'THREE'), { say: 'Done.' });
      await person.sees('ONE\ntwo\nTHREE\n');
      await person.dirty('clean.txt', true);
      same('the disk', desk.read('clean.txt'), text);
      await person.chat.locator('.tool.completed .diff .added', { hasText: 'ONE' }).first().waitFor();
      await person.keys('Control+z');
      await person.sees('ONE\ntwo\nthree\n');
      await person.keys('Control+z');
      await person.sees(text);
      await person.dirty('clean.txt', false);
      await person.keys('Control+Shift+z');
      await person.sees('ONE\ntwo\nthree\n');
      await person.keys('Control+Shift+z');
      await person.sees('ONE\ntwo\nTHREE\n');
      await person.save('clean.txt');
      await until('the file is saved', () => desk.read('clean.txt') === 'ONE\ntwo\nTHREE\n');
    },
  },
  {
    name: 'an unsaved file keeps what was typed',
    cells: { 'edit-dirty-file': 'in the unsaved text' },
    async run(world) {
      const { person, desk, model } = world;
      await world.file('dirty.txt', 'one\ntwo\n');
      await person.keys('Control+Home');
      await person.page.keyboard.type('typed ');
      await person.sees('typed one\ntwo\n');
      const before = model.requests.length;
      await world.turn('Edit it.', world.edit('dirty.txt', 'typed one\ntwo', 'typed one\nTWO'), { say: 'Done.' });
      await model.request(before + 1);
      await person.sees('typed one\nTWO\n');
      same('the disk', desk.read('dirty.txt'), 'one\ntwo\n');
      await person.keys('Control+z');
      await person.sees('typed one\ntwo\n');
    },
  },
  {
    name: 'an edit that comes while the user types',
    cells: { 'edit-while-the-user-types': 'rebased over what is typed' },
    async run(world) {
      const { person, model } = world;
      await world.file('typing.txt', 'top\nmiddle\nbottom\n');
      const edits = ['middle', 'M1', 'M2', 'M3', 'M4', 'M5', 'M6'];
      const replies = edits.slice(1).map((text, index) => world.edit('typing.txt', edits[index] ?? '', text));
      const before = model.requests.length;
      const end = await world.ask('Edit the middle, again and again.', ...replies, { say: 'Done.' });
      await person.focusEditor();
      await person.keys('Control+Home');
      // As fast as a very good hand: each change of the text makes an edit that is on its way too late.
      const words = 'nothing that I type is lost ';
      await person.page.keyboard.type(words, { delay: 50 });
      await end();
      await model.request(before + edits.length - 1);
      await person.sees(`${words}top\nM6\nbottom\n`);
    },
  },
  {
    name: 'a file that is not open, and a new one',
    cells: { 'edit-unopened-file': 'written to the disk', 'new-file': 'written to the disk' },
    async run(world) {
      const { desk, person } = world;
      desk.write('unopened.txt', 'far away\n');
      await person.open('clean.txt');
      const made = { call: 'write', input: { filePath: desk.at('made/new.txt'), content: 'brand new\n' } };
      await world.turn('Edit that one, and make another.', world.edit('unopened.txt', 'far', 'not so far'), made, { say: 'Done.' });
      await until('the unopened file is edited', () => desk.read('unopened.txt') === 'not so far away\n');
      await until('the new file is there', () => desk.read('made/new.txt') === 'brand new\n');
      await person.open('made/new.txt');
      await person.sees('brand new\n');
    },
  },
  {
    name: 'files are deleted and renamed, and the turn is undone',
    cells: { 'delete-rename-file': 'on the disk; undone with the turn' },
    async run(world) {
      const { desk, person } = world;
      desk.write('goes.txt', 'it goes\n');
      desk.write('moves.txt', 'it moves\n');
      await world.file('tidy.txt', 'tidy\n');
      await world.turn('Tidy up.', world.bash('rm goes.txt && mv moves.txt moved.txt'), { say: 'Tidied.' });
      same('the deleted file', desk.has('goes.txt'), false);
      same('the renamed file', desk.read('moved.txt'), 'it moves\n');
      await person.chat.locator('.end').last().getByText('Undo turn').click();
      await until('the deleted file is back', () => desk.read('goes.txt') === 'it goes\n');
      await until('the renamed file has its old name', () => desk.read('moves.txt') === 'it moves\n' && !desk.has('moved.txt'));
    },
  },
  {
    name: 'a turn is undone, and what the user did since stays',
    cells: { 'undo-turn': '*Undo the Last Turn*, or the chat: *Undo turn*' },
    async run(world) {
      const { person } = world;
      await world.file('undo.txt', 'one\ntwo\nthree\n');
      await world.turn('Shout.', world.edit('undo.txt', 'one', 'ONE'), world.edit('undo.txt', 'three', 'THREE'), { say: 'Done.' });
      await person.sees('ONE\ntwo\nTHREE\n');
      await person.goTo(2);
      await person.page.keyboard.type('my ');
      await person.sees('ONE\nmy two\nTHREE\n');
      await person.command('Interline: Undo the Last Turn');
      await person.sees('one\nmy two\nthree\n');
    },
  },
  {
    name: 'a command sees what is saved for it',
    cells: { 'shell-sees-the-saved-state': 'the extension saves before the command' },
    async run(world) {
      const { person, model, desk } = world;
      await world.file('shell.txt', 'on the disk\n');
      await person.keys('Control+Home');
      await person.page.keyboard.type('unsaved and ');
      await person.dirty('shell.txt', true);
      const before = model.requests.length;
      await world.turn('Read it in a shell.', world.bash('cat shell.txt'), { say: 'Read.' });
      has('what the shell saw', await model.request(before + 1), 'unsaved and on the disk');
      await person.dirty('shell.txt', false);
      same('the disk', desk.read('shell.txt'), 'unsaved and on the disk\n');
    },
  },
  {
    name: 'a problem that another extension found is put to the model',
    cells: {},
    async run(world) {
      const { person, model } = world;
      await world.file('problem.json', '{\n  "a" 1\n}\n');
      await person.page.locator('.editor-group-container.active .squiggly-error').first().waitFor();
      await person.goTo(2);
      await person.keys('End', 'ArrowLeft');
      const before = model.requests.length;
      const end = await world.begin(() => person.act('Interline: fix this problem'), world.edit('problem.json', '"a" 1', '"a": 1'), { say: 'Mended.' });
      has('what the model was told', await model.request(before), 'Colon expected');
      await end();
      await person.sees('{\n  "a": 1\n}\n');
    },
  },
  {
    name: 'what an edit broke, as another extension sees it, is in its result',
    cells: { 'diagnostics-fed-back': 'pushed by the extension, told with the result of the edit; `Ctrl+.`: *fix this problem*' },
    async run(world) {
      const { person, model } = world;
      // VS Code's own extension starts with the first file of its kind; what it finds there shows that it is ready.
      await world.file('ready.json', '{ "a" 1 }\n');
      await person.page.locator('.editor-group-container.active .squiggly-error').first().waitFor();
      await world.file('broken.json', '{\n  "a": 1\n}\n');
      const before = model.requests.length;
      await world.turn('Break it.', world.edit('broken.json', '"a": 1', '"a" 1'), { say: 'Broken.' });
      has('what the model was told', await model.request(before + 1), 'Colon expected');
    },
  },
];
