// What the page says, checked: the page is ours, but what it shows is not.
//
// Pure. Invariant: a message that is not exactly one of `FromPage` is none.

import { at, list, number, text, texts } from '../json';
import type { FromPage } from './items';

export function fromPage(value: unknown): FromPage | undefined {
  const type = text(value, 'type');
  switch (type) {
    case 'ready':
    case 'cancel':
    case 'model':
    case 'agent':
      return { type };
    case 'send':
      return { type, text: text(value, 'text') };
    case 'permit': {
      const reply = text(value, 'reply');
      if (reply !== 'once' && reply !== 'always' && reply !== 'reject') return undefined;
      return { type, id: text(value, 'id'), reply, message: text(value, 'message') };
    }
    case 'answer':
      if (!Array.isArray(at(value, 'answers'))) return undefined;
      return { type, id: text(value, 'id'), answers: list(value, 'answers').map((answer) => texts(answer)) };
    case 'complete':
      return { type, token: number(value, 'token'), before: text(value, 'before') };
    case 'review':
    case 'undo':
      return { type, turn: text(value, 'turn') };
    default:
      return undefined;
  }
}
