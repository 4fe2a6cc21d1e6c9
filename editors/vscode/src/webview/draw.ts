// From an item of the conversation to elements.
//
// Must not know where items come from, nor talk to the extension: what the user does is handed on.
// Invariant: all words of a model, a tool or a file are text nodes.

import type { FromPage, Item } from '../chat/items';
import { el, button } from './dom';
import { parse } from './markdown';
import type { Block, Inline } from './markdown';

type Say = (message: FromPage) => void;

/** The lines of a diff that are shown before one asks for more. */
const LINES = 60;

export function draw(item: Item, say: Say): HTMLElement {
  switch (item.kind) {
    case 'user':
      return el('section', 'user', item.text);
    case 'text':
      return el('section', 'text', ...parse(item.text).map(block));
    case 'reasoning': {
      const details = el('details', 'reasoning', el('summary', '', 'Thoughts'), el('div', '', item.text));
      details.hidden = item.text.trim() === '';
      return details;
    }
    case 'tool':
      return tool(item);
    case 'todos':
      return todos(item);
    case 'note': {
      const note = el('section', `note ${item.tone}`, item.text);
      note.hidden = item.text === '';
      return note;
    }
    case 'permission':
      return permission(item, say);
    case 'question':
      return question(item, say);
    case 'end': {
      const end = el('section', 'end', el('span', '', item.text));
      if (item.changed) end.append(button('Review changes', 'link', () => say({ type: 'review', turn: item.turn })), button('Undo turn', 'link', () => say({ type: 'undo', turn: item.turn })));
      return end;
    }
  }
}

const MARKS = { pending: '○', running: '◌', completed: '✓', error: '✗' } as const;

function tool(item: Extract<Item, { kind: 'tool' }>): HTMLElement {
  const line = [el('span', 'mark', MARKS[item.status]), el('b', '', item.tool), ' ', el('span', 'title', item.title)];
  const detail = item.detail.trimEnd();
  if (item.diff === '' && detail === '') return el('div', `tool ${item.status}`, ...line);
  const body = item.diff !== '' ? diff(item.diff) : el('pre', item.status === 'error' ? 'output wrapped' : 'output', detail);
  const details = el('details', `tool ${item.status}`, el('summary', '', ...line), body);
  details.open = item.diff !== '' || item.status === 'error';
  return details;
}

const STEPS = { pending: '○', in_progress: '◐', completed: '✓', cancelled: '✗' } as const;
const SAID = { pending: 'to do', in_progress: 'being done', completed: 'done', cancelled: 'given up' } as const;

function todos(item: Extract<Item, { kind: 'todos' }>): HTMLElement {
  const done = item.todos.filter(({ status }) => status === 'completed' || status === 'cancelled').length;
  const points = item.todos.map(({ text, status }) => {
    const mark = el('span', 'mark', STEPS[status]);
    mark.setAttribute('aria-label', SAID[status]);
    return el('li', status, mark, el('span', 'words', text));
  });
  const details = el('details', 'todos', el('summary', '', `To do: ${done} of ${item.todos.length} done`), el('ul', '', ...points));
  details.open = item.newest;
  return details;
}

/** A unified diff, with its lines' colours. */
export function diff(text: string): HTMLElement {
  const lines = text.trimEnd().split('\n').filter((line) => !/^(---|\+\+\+|Index:|=====|diff )/.test(line));
  const shown = lines.slice(0, LINES).map((line) => {
    const kind = line.startsWith('+') ? 'added' : line.startsWith('-') ? 'removed' : line.startsWith('@@') ? 'place' : '';
    return el('div', kind, line === '' ? ' ' : line);
  });
  const more = lines.length > LINES ? [el('div', 'place', `… ${lines.length - LINES} more lines`)] : [];
  return el('pre', 'diff', ...shown, ...more);
}

const ANSWERS = { once: 'Allowed once', always: 'Always allowed', reject: 'Denied' } as const;

function permission(item: Extract<Item, { kind: 'permission' }>, say: Say): HTMLElement {
  if (item.reply !== '') return el('section', 'card settled', item.title, ' — ', ANSWERS[item.reply]);
  const card = el('section', 'card waiting', el('div', 'asks', item.title));
  if (item.diff !== '') card.append(diff(item.diff));
  const reason = el('input', 'reason');
  reason.placeholder = 'Reason, if you deny it';
  reason.setAttribute('aria-label', 'Reason for the denial');
  const answer = (reply: 'once' | 'always' | 'reject') => (): void => say({ type: 'permit', id: item.id, reply, message: reply === 'reject' ? reason.value : '' });
  reason.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.isComposing) answer('reject')();
  });
  const always = button('Always allow', 'second', answer('always'));
  always.title = item.always;
  const words = item.always === '' ? [] : [el('div', 'hint', `Always: ${item.always}`)];
  const deny = el('div', 'buttons', reason, button('Deny', 'second', answer('reject')));
  card.append(el('div', 'buttons', button('Allow once', '', answer('once')), always), deny, ...words);
  return card;
}

function question(item: Extract<Item, { kind: 'question' }>, say: Say): HTMLElement {
  const card = el('section', item.settled ? 'card' : 'card waiting');
  const chosen = item.questions.map(() => new Set<string>());
  const done = (): void => {
    if (chosen.every((labels) => labels.size > 0)) say({ type: 'answer', id: item.id, answers: chosen.map((labels) => [...labels]) });
  };
  for (const [at, asked] of item.questions.entries()) {
    card.append(el('div', 'asks', asked.question));
    if (item.settled) continue;
    const labels = chosen[at] ?? new Set<string>();
    const choices = asked.choices.map((choice) => {
      const one = button(choice.label, 'second', () => {
        if (!asked.multiple) labels.clear();
        if (!labels.delete(choice.label)) labels.add(choice.label);
        for (const [n, other] of choices.entries()) other.classList.toggle('chosen', labels.has(asked.choices[n]?.label ?? ''));
        if (!asked.multiple) done();
      });
      one.title = choice.description;
      return one;
    });
    card.append(el('div', 'buttons', ...choices));
  }
  if (item.settled) {
    const words = item.answers.map((labels) => labels.join(', ')).join('; ');
    card.append(el('div', 'answer', words === '' ? 'Not answered' : words));
  } else {
    if (item.questions.some((asked) => asked.multiple)) card.append(button('Answer', '', done));
    card.append(el('div', 'hint', 'Or write your own answer below.'));
  }
  return card;
}

function block(of: Block): HTMLElement {
  switch (of.kind) {
    case 'paragraph':
      return el('p', '', ...of.inlines.map(inline));
    case 'heading':
      return el(of.level <= 2 ? 'h3' : 'h4', '', ...of.inlines.map(inline));
    case 'code':
      return of.language === 'diff' ? diff(of.text) : el('pre', 'code', of.text);
    case 'list': {
      const items = of.items.map((words) => el('li', '', ...words.map(inline)));
      return of.ordered ? el('ol', '', ...items) : el('ul', '', ...items);
    }
    case 'quote':
      return el('blockquote', '', ...of.inlines.map(inline));
    case 'rule':
      return el('hr');
  }
}

function inline(of: Inline): Node {
  return of.kind === 'text' ? document.createTextNode(of.text) : el(of.kind, '', of.text);
}
