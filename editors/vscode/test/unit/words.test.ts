import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dollars, plain, relative, tokens } from '../../src/words';

test('what a model wrote makes no link, and no second line', () => {
  assert.equal(plain('a\nb\t c'), 'a b c');
  assert.equal(plain('[ok](command:evil)'), '[ok] (command:evil)');
  assert.equal(plain('[ok]\u200b(command:evil)'), '[ok] (command:evil)');
  assert.equal(plain('[ok]\n(https://x)'), '[ok] (https://x)');
  assert.equal(plain('xxxxx', 3), 'xx…');
  assert.equal(plain('\u202eabc'), 'abc');
});

test('numbers and paths are short', () => {
  assert.deepEqual([dollars(0.0123), dollars(1.5)], ['$0.012', '$1.50']);
  assert.deepEqual([tokens(999), tokens(1200), tokens(123_456)], ['999', '1.2k', '123k']);
  assert.equal(relative('/p/a/b', '/p'), 'a/b');
  assert.equal(relative('/pa/b', '/p'), '/pa/b');
  assert.equal(relative('/p', ''), '/p');
});
