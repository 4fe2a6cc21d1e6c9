import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../../src/chat/conversation';
import { fromPage } from '../../src/chat/from_page';
import { word } from '../../src/webview/suggestions';

const user = { role: 'user', id: 'm1', agent: 'build', model: { providerID: 'mock', modelID: 'a/b' } };
const assistant = { role: 'assistant', id: 'm2', providerID: 'mock', modelID: 'a/b' };
const part = (id: string, messageID: string, rest: object): object => ({ part: { id, messageID, ...rest } });

function conversation(...events: [string, object][]): Conversation {
  const made = new Conversation('s', '/p');
  for (const [type, properties] of events) made.apply(type, properties);
  return made;
}

test('an answer streams into its item', () => {
  const made = conversation(
    ['message.updated', { info: user }],
    ['message.part.updated', part('p1', 'm1', { type: 'text', text: 'Why?' })],
    ['message.part.updated', part('p0', 'm1', { type: 'text', text: 'environment', synthetic: true })],
    ['session.status', { status: { type: 'busy' } }],
    ['message.updated', { info: assistant }],
    ['message.part.updated', part('p2', 'm2', { type: 'text', text: '' })],
    ['message.part.delta', { partID: 'p2', delta: 'Be' }],
    ['message.part.delta', { partID: 'p2', delta: 'cause.' }],
  );
  assert.deepEqual(made.items, [{ kind: 'user', text: 'Why?' }, { kind: 'text', text: 'Because.' }]);
  assert.deepEqual(made.foot, { busy: true, model: 'mock/a/b', agent: 'build', status: '' });
  assert.equal(made.take().length, 2);
  made.apply('message.part.delta', { partID: 'p2', delta: '!' });
  assert.deepEqual(made.take(), [[1, { kind: 'text', text: 'Because.!' }]]);
  made.apply('session.idle', { reason: 'done', usage: { tokens: { input: 900, output: 300 }, cost: 0.01, sessionCost: 0.5 } });
  assert.deepEqual(made.items.at(-1), { kind: 'end', text: '1.2k tokens · $0.010', turn: 'm1', changed: false });
  assert.equal(made.cost, 0.5);
});

test('a tool call is one line, with its diff', () => {
  const call = (state: object): object => part('p3', 'm2', { type: 'tool', tool: 'edit', state });
  const made = conversation(
    ['message.part.updated', call({ status: 'running', title: '/p/a.txt', input: {} })],
    ['message.part.updated', call({ status: 'completed', title: '/p/a.txt', metadata: { diff: '-a\n+b' } })],
    ['session.idle', { reason: 'done' }],
  );
  assert.deepEqual(made.items[0], { kind: 'tool', tool: 'edit', title: 'a.txt', status: 'completed', detail: '', diff: '-a\n+b' });
  assert.deepEqual(made.items[1], { kind: 'end', text: '', turn: '', changed: true });
});

test('the newest list of what is to be done is open, and comes back from the store', () => {
  const call = (id: string, ...todos: object[]): object => part(id, 'm2', { type: 'tool', tool: 'todowrite', state: { status: 'completed', metadata: { todos } } });
  const [first, odd] = [{ content: 'paint', status: 'in_progress' }, { content: 7, status: 'some day' }];
  const made = conversation(['message.part.updated', call('p3', first)], ['message.part.updated', call('p4', { ...first, status: 'completed' }, odd)]);
  const items = [
    { kind: 'todos', todos: [{ text: 'paint', status: 'in_progress' }], newest: false },
    { kind: 'todos', todos: [{ text: 'paint', status: 'completed' }, { text: '', status: 'pending' }], newest: true },
  ];
  assert.deepEqual(made.items, items);
  const again = new Conversation('s', '/p');
  again.load([{ info: assistant, parts: [call('p3', first), call('p4', { ...first, status: 'completed' }, odd)].map((each) => (each as { part: object }).part) }]);
  assert.deepEqual(again.items, items);
});

test('prompts and questions are settled by whoever answers', () => {
  const made = conversation(
    ['permission.asked', { id: 'a', permission: 'edit', patterns: ['x'], always: ['*'], metadata: { title: 'Edit\nx' } }],
    ['question.asked', { id: 'q', questions: [{ question: 'Which?', options: [{ label: 'A' }] }] }],
  );
  assert.equal(made.waitingQuestion()?.id, 'q');
  made.apply('permission.replied', { requestID: 'a', reply: 'always' });
  made.apply('question.replied', { requestID: 'q', answers: [['A']] });
  const [prompt, question] = made.items;
  assert.ok(prompt?.kind === 'permission' && prompt.reply === 'always' && prompt.title === 'Edit x' && prompt.always === 'every edit in this project');
  assert.ok(question?.kind === 'question' && question.settled && question.answers[0]?.[0] === 'A');
  assert.equal(made.waitingQuestion(), undefined);
});

test('what the store gives makes the same items', () => {
  const made = new Conversation('s', '/p');
  made.load([
    { info: user, parts: [{ id: 'p1', type: 'text', text: 'Why?' }] },
    { info: assistant, parts: [{ id: 'p2', type: 'text', text: 'Because.' }, { id: 'p3', type: 'tool', tool: 'bash', state: { status: 'running', input: { command: 'ls' } } }] },
  ]);
  assert.deepEqual(made.items.map((item) => item.kind), ['user', 'text', 'tool']);
  assert.ok(made.items[2]?.kind === 'tool' && made.items[2].status === 'error' && made.items[2].title === 'ls');
  assert.equal(made.foot.busy, false);
});

test('when the server ends nothing waits any more', () => {
  const made = conversation(['session.status', { status: { type: 'busy' } }], ['permission.asked', { id: 'a', permission: 'edit', patterns: ['x'] }]);
  made.interrupted();
  assert.equal(made.foot.busy, false);
  assert.ok(made.items[0]?.kind === 'permission' && made.items[0].reply === 'reject' && made.items[1]?.kind === 'note');
});

test('an answer that is made again takes the broken one away', () => {
  const made = conversation(['message.part.updated', part('p2', 'm2', { type: 'text', text: 'brok' })], ['message.removed', { messageID: 'm2' }]);
  assert.deepEqual(made.items, [{ kind: 'note', text: '', tone: 'info' }]);
});

test('odd events do no harm', () => {
  const made = conversation(['message.part.updated', {}], ['session.idle', { usage: 7 }], ['permission.replied', { requestID: 'x', reply: 'yes' }], ['new.kind', {}]);
  for (const value of [null, 7, 'x', [], { parts: 3 }]) made.load([value]);
  assert.deepEqual(made.items, []);
});

test('only what the page may say is heard', () => {
  assert.deepEqual(fromPage({ type: 'permit', id: 'a', reply: 'once' }), { type: 'permit', id: 'a', reply: 'once', message: '' });
  for (const value of [null, {}, { type: 'permit', id: 'a', reply: 'yes' }, { type: 'answer' }, { type: 'run', command: 'x' }]) assert.equal(fromPage(value), undefined);
});

test('where suggestions are', () => {
  assert.deepEqual(['/un', 'a @src/m', 'a / b', 'see /usr', 'mail@host', ''].map(word), ['/un', '@src/m', undefined, undefined, undefined, undefined]);
});
