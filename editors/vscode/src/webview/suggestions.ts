// What can stand where the cursor is in the message: commands after `/`, files and agents after `@`.
//
// Must not know what there is: the server does. Invariant: only what fits the word that stands there now is shown.

import type { FromPage, Suggestion } from '../chat/items';
import { el } from './dom';

const MOST = 8;

export class Suggestions {
  private token = 0;
  private all: Suggestion[] = [];
  private marked = 0;

  constructor(
    private readonly list: HTMLUListElement,
    private readonly draft: HTMLTextAreaElement,
    private readonly say: (message: FromPage) => void,
  ) {}

  /** The draft was changed. */
  ask(): void {
    const before = this.before();
    const typed = word(before);
    if (typed === undefined) return this.hide();
    this.token++;
    // Until the answer comes, Enter must not take what the last letter has ruled out.
    this.offer(fitting(this.all, typed));
    this.say({ type: 'complete', token: this.token, before });
  }

  show(token: number, suggestions: Suggestion[]): void {
    const typed = word(this.before());
    if (token !== this.token || typed === undefined) return;
    this.offer(fitting(suggestions, typed));
  }

  hide(): void {
    this.token++;
    this.offer([]);
  }

  private offer(suggestions: Suggestion[]): void {
    this.all = suggestions;
    this.marked = 0;
    this.paint();
  }

  /** Whether the key was meant for the list. */
  key(event: KeyboardEvent): boolean {
    if (this.all.length === 0) return false;
    switch (event.key) {
      case 'ArrowDown':
        this.marked = (this.marked + 1) % this.all.length;
        break;
      case 'ArrowUp':
        this.marked = (this.marked + this.all.length - 1) % this.all.length;
        break;
      case 'Tab':
      case 'Enter':
        this.choose(this.marked);
        break;
      case 'Escape':
        this.hide();
        break;
      default:
        return false;
    }
    event.preventDefault();
    this.paint();
    return true;
  }

  private choose(index: number): void {
    const chosen = this.all[index];
    const before = this.before();
    const typed = word(before);
    this.hide();
    if (chosen === undefined || typed === undefined) return;
    const head = before.slice(0, before.length - typed.length + 1);
    const line = `${head}${chosen.label} `;
    const start = this.draft.value.slice(0, this.draft.selectionStart - before.length);
    const rest = this.draft.value.slice(this.draft.selectionStart);
    this.draft.value = start + line + rest;
    this.draft.selectionStart = this.draft.selectionEnd = (start + line).length;
    this.draft.focus();
  }

  /** The line up to the cursor. */
  private before(): string {
    const text = this.draft.value.slice(0, this.draft.selectionStart);
    return text.slice(text.lastIndexOf('\n') + 1);
  }

  private paint(): void {
    this.list.hidden = this.all.length === 0;
    this.list.replaceChildren(...this.all.map((suggestion, index) => {
      const row = el('li', index === this.marked ? 'marked' : '', el('b', '', suggestion.label), ' ', el('span', '', suggestion.detail));
      row.setAttribute('role', 'option');
      row.addEventListener('mousedown', (event) => {
        event.preventDefault();
        this.choose(index);
      });
      return row;
    }));
  }
}

/** Those that hold what stands behind the `@` or `/`: as many as the list shows. */
export function fitting(suggestions: Suggestion[], typed: string): Suggestion[] {
  const wanted = typed.slice(1).toLowerCase();
  return suggestions.filter(({ label }) => label.toLowerCase().includes(wanted)).slice(0, MOST);
}

/** The word before the cursor, if it begins with `@`, or with `/` at the line's beginning. */
export function word(before: string): string | undefined {
  const last = /(?:^|\s)(\S+)$/.exec(before)?.[1];
  if (last === undefined) return undefined;
  return last.startsWith('@') || (last.startsWith('/') && last.length === before.length) ? last : undefined;
}
