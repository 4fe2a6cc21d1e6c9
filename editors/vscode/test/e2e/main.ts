// Interline in a real VS Code (code-server in a headless Chromium): what a person sees and does. Prints PASS or FAIL for each scenario.
//
//   INTERLINE=… CODE_SERVER=… CHROMIUM=… node dist/e2e/main.js [WORD…]     only scenarios whose names hold a word
//
// MATRIX is the folder in which a file is left for each cell of the matrix that passed; SCREENS one in which pictures are kept (failures too).
// Invariant: all that was started is ended; the exit code is 0 only if every scenario passed.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { asking } from './asking';
import { Desk } from './desk';
import { editing } from './editing';
import { Model } from './model';
import { Person } from './person';
import { prompting } from './prompting';
import { resuming } from './resuming';
import { reviewing } from './reviewing';
import { telling } from './telling';
import { World } from './world';

const SIZE = { width: 1100, height: 700 };
/** The last one ends the editor. */
const ALL = [...telling, ...asking, ...editing, ...reviewing, ...prompting, ...resuming];

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`set ${name}`);
  return value;
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(words: string[]): Promise<boolean> {
  const start = Date.now();
  const seconds = (): string => `${((Date.now() - start) / 1000).toFixed(1)} s`;
  const matrix = process.env['MATRIX'];
  const screens = process.env['SCREENS'];
  for (const folder of [matrix, screens]) if (folder !== undefined) mkdirSync(folder, { recursive: true });
  const model = await Model.start();
  const desk = new Desk({ interline: variable('INTERLINE'), codeServer: variable('CODE_SERVER'), vsix: variable('VSIX') });
  desk.configure({
    model: 'mock/test',
    provider: { mock: { npm: '@ai-sdk/openai-compatible', options: { baseURL: model.url, apiKey: 'not-a-secret' }, models: { test: { tool_call: true, limit: { context: 128_000, output: 8192 } } } } },
    permission: { edit: { '*': 'allow', '*guarded*': 'ask', '*price*': 'ask' }, bash: { '*': 'allow', 'ask-*': 'ask' } },
  });
  let browser: Browser | undefined;
  let failed = 0;
  try {
    desk.install();
    const [launched] = await Promise.all([launch(), desk.start()]);
    browser = launched;
    let page = await newPage(browser);
    const person = new Person(page, desk);
    await person.sitDown();
    await person.command('Interline: Open Chat');
    await person.chat.locator('#draft').waitFor();
    print(`ready after ${seconds()}`);
    const picture = async (name: string): Promise<void> => {
      if (screens !== undefined) await page.screenshot({ path: join(screens, `${name}.png`) });
    };
    const again = async (): Promise<Person> => {
      await page.close();
      await desk.stop();
      await desk.start();
      page = await newPage(launched);
      const back = new Person(page, desk);
      await back.sitDown();
      return back;
    };
    const world = new World(desk, model, person, picture, again);
    for (const scenario of ALL.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))) {
      const cells = matrix === undefined ? [] : Object.entries(scenario.cells).map(([cell, how]) => [join(matrix, cell), how] as const);
      for (const [cell] of cells) rmSync(cell, { force: true });
      const began = Date.now();
      try {
        model.clear();
        await scenario.run(world);
        for (const [cell, how] of cells) writeFileSync(cell, `${how}\nreal_vscode: ${scenario.name}\n`);
        print(`PASS ${scenario.name} (${Date.now() - began} ms)`);
      } catch (error) {
        failed++;
        print(`FAIL ${scenario.name}: ${error instanceof Error ? error.message : String(error)}`);
        await picture(`failed-${failed}`);
        // What hangs over the editor is put away, and what runs is ended, so that the next scenario can begin.
        await page.keyboard.press('Escape');
        await page.keyboard.press('Escape');
        await person.command('Interline: Cancel the Running Turn').catch(() => print('  and the turn could not be ended'));
        await person.command('Notifications: Clear All Notifications').catch(() => print('  and the notifications could not be cleared'));
      }
    }
  } finally {
    await browser?.close();
    await desk.stop();
    model.stop();
    if (process.env['KEEP'] === undefined) desk.remove();
    else print(`kept ${desk.folder}`);
  }
  print(`${failed} failed, ${seconds()}`);
  return failed === 0;
}

function launch(): Promise<Browser> {
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath: variable('CHROMIUM'), headless: true, args });
}

async function newPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage({ viewport: SIZE });
  page.setDefaultTimeout(30_000);
  return page;
}

main(process.argv.slice(2)).then(
  (passed) => process.exit(passed ? 0 : 1),
  (error: unknown) => {
    print(`FAIL the test itself: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exit(1);
  },
);
