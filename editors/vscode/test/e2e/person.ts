// Somebody at VS Code in a browser: keys, clicks, and what is on the screen.
//
// Must not know the scenarios, nor the protocol. Invariant: only what a person can see and do.

import type { FrameLocator, Locator, Page } from 'playwright-core';
import type { Desk } from './desk';
import { until } from './until';

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
    await this.keys('F1');
    await input.waitFor();
    await input.fill(`>${title}`);
    await this.page.locator('.quick-input-list .monaco-list-row.focused', { hasText: title }).waitFor();
    await this.keys('Enter');
  }

  /** Shows a file of the project in the active group. */
  async open(name: string): Promise<void> {
    const input = this.page.locator('.quick-input-widget input[type=text]');
    await this.keys('Control+p');
    await input.waitFor();
    await input.fill(this.desk.at(name));
    await this.page.locator('.quick-input-list .monaco-list-row.focused', { hasText: name.split('/').at(-1) ?? name }).waitFor();
    await this.keys('Enter');
    await this.page.locator('.tab.active', { hasText: name.split('/').at(-1) ?? name }).waitFor();
    await this.focusEditor();
  }

  async focusEditor(): Promise<void> {
    // By the key: a click may meet the editor that was shown before.
    await this.keys('Control+1');
    await this.page.locator('.editor-group-container.active .monaco-editor.focused').first().waitFor();
  }

  /** The cursor goes to the start of a line, 1 for the first. */
  async goTo(line: number): Promise<void> {
    await this.keys('Control+Home', ...Array<string>(line - 1).fill('ArrowDown'));
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
  async atLine(line: number): Promise<void> {
    await this.page.locator('.statusbar-item', { hasText: new RegExp(`Ln ${line}, `) }).first().waitFor();
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
    const rows = this.page.locator('.action-widget .monaco-list-row');
    const marked = this.page.locator('.action-widget .monaco-list-row.focused');
    await until('the code actions come', async () => {
      await this.keys('Control+.');
      const there = await rows.filter({ hasText: title }).first().waitFor({ timeout: 2000 }).then(() => true, () => false);
      if (!there) await this.keys('Escape');
      return there;
    });
    for (let row = await rows.count(); row > 0 && !((await marked.textContent()) ?? '').replaceAll('\u00a0', ' ').includes(title); row--) await this.keys('ArrowDown');
    await this.keys('Enter');
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
