import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inlines, parse } from '../../src/webview/markdown';

const shape = (text: string): string[] => parse(text).map((block) => {
  switch (block.kind) {
    case 'code':
      return `code(${block.language}):${block.text}`;
    case 'list':
      return `${block.ordered ? 'ol' : 'ul'}:${block.items.map((item) => item.map((part) => part.text).join('')).join('|')}`;
    case 'rule':
      return 'rule';
    default:
      return `${block.kind}:${block.inlines.map((part) => part.text).join('')}`;
  }
});

test('blocks', () => {
  assert.deepEqual(shape('# One\ntwo\nthree\n\n- a\n- b\n1. c\n> d\n> e\n---\nf'), ['heading:One', 'paragraph:two\nthree', 'ul:a|b', 'ol:c', 'quote:d\ne', 'rule', 'paragraph:f']);
  assert.deepEqual(shape('```rust\nfn a() {}\n# no heading\n```\nafter'), ['code(rust):fn a() {}\n# no heading', 'paragraph:after']);
});

test('what is cut off is drawn as far as it goes', () => {
  assert.deepEqual(shape('see\n```js\nlet a'), ['paragraph:see', 'code(js):let a']);
  assert.deepEqual(inlines('a **b'), [{ kind: 'text', text: 'a **b' }]);
  assert.deepEqual(shape(''), []);
});

test('inlines', () => {
  assert.deepEqual(inlines('a `b*c*` **d** *e* f_g_h 2*3*4'), [
    { kind: 'text', text: 'a ' }, { kind: 'code', text: 'b*c*' }, { kind: 'text', text: ' ' }, { kind: 'strong', text: 'd' },
    { kind: 'text', text: ' ' }, { kind: 'em', text: 'e' }, { kind: 'text', text: ' f_g_h 2*3*4' },
  ]);
});

test('links and HTML stay text', () => {
  assert.deepEqual(inlines('<img onerror=x> [a](command:b)'), [{ kind: 'text', text: '<img onerror=x> [a](command:b)' }]);
});

test('a long hostile line takes no long time', () => {
  for (const piece of ['*', '`', '**a', '`a', '*a ', '[', '> ', '- ']) parse(piece.repeat(20_000));
});
