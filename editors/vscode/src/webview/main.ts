// The chat's page: draws what the extension sends, and sends what the user does.
//
// Must not decide anything about the conversation. Invariant: a reset draws all anew; an update replaces whole items; the page stays at its end while
// the user has not scrolled away from it.

import type { Foot, FromPage, Item, Suggestion, ToPage } from '../chat/items';
import { byId, el } from './dom';
import { draw } from './draw';
import { Suggestions } from './suggestions';

declare function acquireVsCodeApi(): { postMessage(message: FromPage): void; getState(): unknown; setState(state: string): void };

const host = acquireVsCodeApi();
const say = (message: FromPage): void => host.postMessage(message);
const items = byId('items', HTMLElement);
const draft = byId('draft', HTMLTextAreaElement);
const send = byId('send', HTMLButtonElement);
const model = byId('model', HTMLButtonElement);
const agent = byId('agent', HTMLButtonElement);
const status = byId('status', HTMLElement);
const suggestions = new Suggestions(byId('suggestions', HTMLUListElement), draft, say);
let busy = false;

function place(index: number, item: Item): void {
  const drawn = draw(item, say);
  const old = items.children[index];
  if (old === undefined) items.append(drawn);
  else old.replaceWith(drawn);
}

function show(foot: Foot): void {
  busy = foot.busy;
  model.textContent = foot.model === '' ? 'model' : foot.model.slice(foot.model.lastIndexOf('/') + 1);
  model.title = foot.model === '' ? 'Choose the model' : `${foot.model}: choose another model`;
  agent.textContent = foot.agent === '' ? 'agent' : foot.agent;
  status.textContent = foot.status !== '' ? foot.status : busy ? 'working…' : '';
  label();
}

/** The button stops a turn where there is nothing to send. */
function label(): void {
  send.textContent = busy && draft.value.trim() === '' ? 'Stop' : 'Send';
}

function submit(): void {
  const words = draft.value.trim();
  if (words === '' && busy) return say({ type: 'cancel' });
  if (words === '') return;
  say({ type: 'send', text: words });
  write('');
}

function write(words: string): void {
  draft.value = words;
  host.setState(words);
  suggestions.hide();
  label();
}

function receive(message: ToPage): void {
  const atEnd = items.scrollHeight - items.scrollTop - items.clientHeight < 40;
  switch (message.type) {
    case 'reset':
      items.replaceChildren(...(message.items.length === 0 ? [welcome()] : message.items.map((item) => draw(item, say))));
      show(message.foot);
      break;
    case 'update':
      if (message.length > 0) items.querySelector('.welcome')?.remove();
      for (const [index, item] of message.items) place(index, item);
      show(message.foot);
      break;
    case 'suggest':
      suggestions.show(message.token, message.suggestions satisfies Suggestion[]);
      break;
    case 'draft':
      write(message.text);
      draft.focus();
      break;
  }
  if (atEnd || message.type === 'reset') items.scrollTop = items.scrollHeight;
}

function welcome(): HTMLElement {
  return el('section', 'welcome', el('p', '', 'Select some code and choose “Ask About This…” from its menu, or write below.'),
    el('p', '', 'What the agent wants to do asks here, in a notification, and on the line concerned; whichever you answer first counts.'));
}

window.addEventListener('message', (event: MessageEvent<ToPage>) => receive(event.data));
window.addEventListener('focus', () => {
  if (document.activeElement === null || document.activeElement === document.body) draft.focus();
});
send.addEventListener('click', submit);
model.addEventListener('click', () => say({ type: 'model' }));
agent.addEventListener('click', () => say({ type: 'agent' }));
draft.addEventListener('input', () => {
  host.setState(draft.value);
  label();
  suggestions.ask();
});
draft.addEventListener('keydown', (event) => {
  if (event.isComposing || suggestions.key(event)) return;
  if (event.key === 'Enter' && !event.shiftKey) {
    event.preventDefault();
    submit();
  }
});
const kept = host.getState();
if (typeof kept === 'string') draft.value = kept;
say({ type: 'ready' });
