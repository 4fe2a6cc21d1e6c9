import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Suggestions } from '../../src/webview/suggestions';

test('a letter typed while the server thinks rules out what does not fit, so that Enter does not take it', () => {
  const row = { setAttribute() {}, addEventListener() {}, append() {} };
  Object.assign(globalThis, { document: { createElement: () => ({ ...row }) } });
  const list = { hidden: true, replaceChildren() {} } as unknown as HTMLUListElement;
  const draft = { value: '', selectionStart: 0, selectionEnd: 0, focus() {} };
  const suggestions = new Suggestions(list, draft as unknown as HTMLTextAreaElement, () => {});
  const type = (text: string): void => {
    draft.value = text;
    draft.selectionStart = draft.selectionEnd = text.length;
    suggestions.ask();
  };
  const enter = (): boolean => suggestions.key({ key: 'Enter', preventDefault() {} } as unknown as KeyboardEvent);

  type('see @h');
  suggestions.show(1, [{ label: 'shell.txt', detail: '' }, { label: 'here.txt', detail: '' }]);
  type('see @her');
  assert.equal(enter(), true);
  assert.equal(draft.value, 'see @here.txt ');

  type('see @h');
  suggestions.show(4, [{ label: 'shell.txt', detail: '' }]);
  type('see @here');
  assert.equal(list.hidden, true);
  assert.equal(enter(), false, 'Enter sends: nothing is offered');
});
