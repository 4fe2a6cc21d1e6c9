// Somebody at VS Code in a browser: keys, clicks, and what is on the screen.
//
// Must not know the scenarios, nor the protocol. Invariant: only what a person can see and do.

import type { FrameLocator, Locator, Page } from 'playwright-core';
import type { Desk } from './desk';
import { again, until } from './until';

export class Person {
  constructor(
    readonly page: Page,
    private readonly desk: Desk,
  ) {}

  /** Opens the project, and waits until the extension has made its mark. */
  async sitDown(): Promise<void> {
    await this.page.goto(this.desk.url);
    await this.page.locator('.monaco-workbench').waitFor({ timeout: 60_000 });
    await this.page.locator('#interline\\.interline\\.interline\\.status, [id*="interline.status"]').first().waitFor({ timeout: 60_000 });
  }

  keys(...keys: string[]): Promise<void> {
    return keys.reduce((before, key) => before.then(() => this.page.keyboard.press(key)), Promise.resolve());
  }

  /** A command of the palette, by its whole title. */
  async command(title: string): Promise<void> {
    const input = this.page.locator('.quick-input-widget input[type=text]');
    await again('the palette opens', () => this.keys('F1'), (timeout) => input.waitFor({ timeout }));
    await input.fill(`>${title}`);
    await this.page.locator('.quick-input-list .monaco-list-row.focused', { hasText: title }).waitFor();
    await this.keys('Enter');
    // What the command asks comes into the same box.
    await until('the palette goes', async () => !(await input.isVisible()) || (await input.inputValue()) !== `>${title}`);
  }

  /** Shows a file of the project in the active group. */
  async open(name: string): Promise<void> {
    const input = this.page.locator('.quick-input-widget input[type=text]');
    await again('the list of files opens', () => this.keys('Control+p'), (timeout) => input.waitFor({ timeout }));
    await input.fill(this.desk.at(name));
    await this.page.locator('.quick-input-list .monaco-list-row.focused', { hasText: name.split('/').at(-1) ?? name }).waitFor();
    await this.keys('Enter');
    await this.page.locator('.tab.active', { hasText: name.split('/').at(-1) ?? name }).waitFor();
    await this.focusEditor();
  }

  async focusEditor(): Promise<void> {
    // By the key: a click may meet the editor that was shown before.
    const focused = this.page.locator('.editor-group-container.active .monaco-editor.focused').first();
    await again('the editor has the focus', () => this.keys('Control+1'), (timeout) => focused.waitFor({ timeout }));
  }

  /** The cursor goes to the start of a line, 1 for the first. */
  async goTo(line: number): Promise<void> {
    const keys = ['Control+Home', ...Array<string>(line - 1).fill('ArrowDown')];
    await again(`the cursor is in line ${line}`, () => this.keys(...keys), (timeout) => this.atLine(line, timeout));
  }

  /** A whole line is selected, of which this is the text. */
  async select(line: number, text: string): Promise<void> {
    const selected = this.page.locator('.statusbar-item', { hasText: `Ln ${line}, Col ${text.length + 1} (${text.length} selected)` }).first();
    const select = async (): Promise<void> => {
      await this.goTo(line);
      await this.keys('Shift+End');
    };
    await again(`line ${line} is selected`, select, (timeout) => selected.waitFor({ timeout }));
  }

  /** What the active editor shows. VS Code draws blanks as no-break spaces. */
  text(): Promise<string> {
    return this.page.evaluate(() => {
      const editors = document.querySelectorAll('.editor-group-container.active .editor-instance .monaco-editor');
      const lines = [...(editors[editors.length - 1]?.querySelectorAll<HTMLElement>('.view-lines > .view-line') ?? [])];
      const placed = lines.map((line): [number, string] => {
        // What decorations add behind a line is no text of the file.
        const spans = line.textContent ?? '';
        return [parseFloat(line.style.top), spans.replaceAll('\u00a0', ' ')];
      });
      return placed.sort((a, b) => a[0] - b[0]).map(([, text]) => text).join('\n').trimEnd();
    });
  }

  async sees(text: string): Promise<void> {
    await this.settled(`the editor shows ${JSON.stringify(text)}`, (now) => now === text.trimEnd());
  }

  async seesPart(text: string): Promise<void> {
    await this.settled(`the editor shows ${JSON.stringify(text)} among other text`, (now) => now.includes(text));
  }

  private async settled(what: string, fits: (text: string) => boolean): Promise<void> {
    try {
      await until(what, async () => fits(await this.text()));
    } catch (error) {
      throw new Error(`${String(error)}; it shows ${JSON.stringify(await this.text())}`);
    }
  }

  /** Whether a tab has unsaved text. */
  async dirty(name: string, is: boolean): Promise<void> {
    await until(`${name} is ${is ? 'unsaved' : 'saved'}`, async () => (await this.page.locator('.tab.dirty', { hasText: name }).count()) === (is ? 1 : 0));
  }

  /** The line of the cursor, as the status bar says it. */
  async atLine(line: number, timeout?: number): Promise<void> {
    await this.page.locator('.statusbar-item', { hasText: new RegExp(`Ln ${line}, `) }).first().waitFor(timeout === undefined ? {} : { timeout });
  }

  /** Answers an input box. */
  async input(text: string): Promise<void> {
    const input = this.page.locator('.quick-input-widget input[type=text]');
    await input.waitFor();
    await input.fill(text);
    await this.keys('Enter');
  }

  async choose(label: string): Promise<void> {
    const row = this.page.locator('.quick-input-list .monaco-list-row', { hasText: label }).first();
    await row.waitFor();
    await row.click();
  }

  /** Takes a code action at the cursor, by the menu. (A layer over the menu takes the first clicks, so it is gone down by keys.) */
  async act(title: string): Promise<void> {
    const menu = this.page.locator('.action-widget').first();
    const list = menu.locator('.monaco-list').first();
    const rows = menu.locator('.monaco-list-row');
    const marked = menu.locator('.monaco-list-row.focused', { hasText: title });
    // The menu closes when the file is edited from outside, also under a hand that is on its way down: then it is opened again.
    await until(`${title} is taken among the code actions`, async () => {
      await this.keys('Control+.');
      const there = await rows.filter({ hasText: title }).first().waitFor({ timeout: 3000 }).then(() => true, () => false);
      for (let row = there ? await rows.count() : 0; row > 0 && (await marked.count()) === 0; row--) await this.keys('ArrowDown');
      // In the menu itself: in the editor, where it has closed meanwhile, the key would be a new line.
      if ((await marked.count()) > 0 && (await list.press('Enter', { timeout: 3000 }).then(() => true, () => false))) return true;
      // Without a menu it would take the selection away.
      if (await menu.isVisible()) await this.keys('Escape');
      return false;
    });
    await menu.waitFor({ state: 'hidden' });
  }

  /** Saves the file that is shown; once more where an edit from outside came in between. */
  async save(name: string): Promise<void> {
    const dirty = this.page.locator('.tab.dirty', { hasText: name });
    await again(`${name} is saved`, () => this.keys('Control+s'), (timeout) => dirty.waitFor({ state: 'detached', timeout }));
  }

  toast(text: string): Locator {
    return this.page.locator('.notification-toast', { hasText: text }).first();
  }

  async press(toast: Locator, label: string): Promise<void> {
    await toast.locator('.monaco-button', { hasText: label }).first().click();
  }

  lens(title: string): Locator {
    return this.page.locator('.editor-group-container.active .codelens-decoration a', { hasText: title }).first();
  }

  /** The chat's page. */
  get chat(): FrameLocator {
    return this.page.frameLocator('iframe.webview').frameLocator('#active-frame');
  }

  async say(text: string): Promise<void> {
    await this.chat.locator('#draft').fill(text);
    await this.chat.locator('#draft').press('Enter');
  }

  /** Waits until no turn runs. */
  async idle(): Promise<void> {
    await this.chat.locator('#send', { hasText: 'Send' }).waitFor();
    await until('the turn ends', async () => (await this.chat.locator('#status').textContent()) === '');
  }

  async shot(path: string): Promise<void> {
    await this.page.screenshot({ path });
  }
}
