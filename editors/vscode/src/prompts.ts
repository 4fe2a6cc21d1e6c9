// Permission prompts and questions, as notifications.
//
// Owns which of them wait here, and how they are put to the user. Must not know the chat, which shows them too.
// Invariant: no answer is never yes; a prompt that was answered elsewhere takes no answer from here.

import * as vscode from 'vscode';
import { questions } from './chat/conversation';
import type { Question } from './chat/items';
import { text, texts } from './json';
import type { Server } from './server';
import { plain, subject } from './words';

const ONCE = 'Allow once';
const ALWAYS = 'Always allow';
const DENY = 'Deny…';
const ANSWER = 'Answer…';

interface Waiting {
  settled: vscode.CancellationTokenSource;
  show(): Promise<unknown>;
}

export class Prompts implements vscode.Disposable {
  private readonly waiting = new Map<string, Waiting>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly server: Server) {
    server.client.onRequest('interline/permission', (params: unknown) => this.wait(text(params, 'id'), (settled) => permission(params, settled)));
    server.client.onRequest('interline/question', (params: unknown) => this.wait(text(params, 'id'), (settled) => question(params, settled)));
    this.subscriptions = [
      server.onEvent(({ type, properties }) => {
        if (type === 'permission.replied' || type === 'question.replied' || type === 'question.rejected') this.settle(text(properties, 'requestID'));
      }),
      server.onEnd(() => this.settleAll()),
    ];
  }

  /** Puts the oldest waiting prompt to the user once more. */
  async again(): Promise<void> {
    const oldest = [...this.waiting.values()][0];
    if (oldest === undefined) void vscode.window.showInformationMessage('Interline: nothing waits for an answer.');
    else await oldest.show();
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    this.settleAll();
  }

  private settleAll(): void {
    for (const id of [...this.waiting.keys()]) this.settle(id);
  }

  /** The reply to the server's request: the first answer that comes from here, or none once another place was faster. */
  private wait(id: string, show: (settled: vscode.CancellationToken) => Promise<unknown>): Promise<unknown> {
    const settled = new vscode.CancellationTokenSource();
    return new Promise((resolve) => {
      settled.token.onCancellationRequested(() => resolve({}));
      const once = async (): Promise<void> => {
        const answer = await show(settled.token);
        if (answer !== undefined) resolve(answer);
      };
      this.waiting.set(id, { settled, show: once });
      once().catch((error: unknown) => this.server.log(`a prompt could not be shown: ${String(error)}`));
    });
  }

  private settle(id: string): void {
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return;
    this.waiting.delete(id);
    waiting.settled.cancel();
    // VS Code gives no way to take back a notification; the ones on the screen are put away, and answer nothing any more.
    void vscode.commands.executeCommand('notifications.hideToasts');
  }
}

async function permission(params: unknown, settled: vscode.CancellationToken): Promise<unknown> {
  const tool = plain(text(params, 'tool'), 40);
  const always = plain(texts(params, 'always').join(', '), 120);
  const words = `Interline asks for permission: ${subject(tool, text(params, 'title'))}`;
  const more = always === '' ? '' : ` (always: ${always === '*' ? `every ${tool} in this project` : always})`;
  for (;;) {
    const chosen = await vscode.window.showWarningMessage(words + more, ONCE, ALWAYS, DENY);
    if (chosen === undefined) return undefined;
    if (settled.isCancellationRequested) return late();
    if (chosen === ONCE) return { reply: 'once' };
    if (chosen === ALWAYS) return { reply: 'always' };
    const options = { title: words, prompt: 'Why not? The agent is told. Leave it empty to give no reason.', placeHolder: 'Reason', ignoreFocusOut: true };
    const reason = await vscode.window.showInputBox(options, settled);
    if (settled.isCancellationRequested) return undefined;
    if (reason !== undefined) return { reply: 'reject', message: reason };
    // Escape: nothing was decided, so it is asked again.
  }
}

async function question(params: unknown, settled: vscode.CancellationToken): Promise<unknown> {
  const all = questions(params);
  for (;;) {
    const words = `Interline asks: ${plain(all[0]?.question ?? '')}`;
    const chosen = await vscode.window.showInformationMessage(words, ANSWER);
    if (chosen === undefined) return undefined;
    if (settled.isCancellationRequested) return late();
    const answers: string[][] = [];
    for (const each of all) {
      const labels = await answer(each, settled);
      if (settled.isCancellationRequested) return undefined;
      if (labels === undefined) break;
      answers.push(labels);
    }
    if (answers.length === all.length) return { answers };
  }
}

/** The labels for one question; none if the user went away from it. */
async function answer(asked: Question, settled: vscode.CancellationToken): Promise<string[] | undefined> {
  const own = 'Something else…';
  const picks: vscode.QuickPickItem[] = asked.choices.map((choice) => ({ label: plain(choice.label), detail: plain(choice.description) }));
  const options = { title: 'Interline asks', placeHolder: plain(asked.question), ignoreFocusOut: true };
  const free = (): Thenable<string | undefined> =>
    vscode.window.showInputBox({ title: 'Interline asks', prompt: plain(asked.question), ignoreFocusOut: true }, settled);
  if (picks.length === 0) {
    const words = await free();
    return words === undefined ? undefined : [words];
  }
  const original = (picked: vscode.QuickPickItem): string => asked.choices[picks.indexOf(picked)]?.label ?? picked.label;
  if (asked.multiple) {
    const picked = await vscode.window.showQuickPick(picks, { ...options, canPickMany: true }, settled);
    return picked?.map(original);
  }
  const picked = await vscode.window.showQuickPick([...picks, { label: own }], options, settled);
  if (picked === undefined) return undefined;
  if (picked.label !== own) return [original(picked)];
  const words = await free();
  return words === undefined ? undefined : [words];
}

function late(): undefined {
  void vscode.window.showInformationMessage('Interline: that was answered already.');
  return undefined;
}
