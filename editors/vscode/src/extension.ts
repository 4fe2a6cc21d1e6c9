// The extension's beginning and end: what is made, and which command does what.
//
// Must not do anything itself. Invariant: no command here has a name that the server announces (`interline.` without `ui`), since the client library
// registers those.

import * as vscode from 'vscode';
import { ChatPanel } from './chat/panel';
import { Focus } from './focus';
import { Hunks } from './hunks';
import { at, text } from './json';
import { choose, chooseSession } from './pickers';
import { Problems } from './problems';
import { Prompts } from './prompts';
import { Review } from './review';
import { saveOnRequest } from './saving';
import { message, Server } from './server';
import { Status } from './status';

let server: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const running: Server = new Server({ ask: (argument) => ask(argument), chat: () => chat.focus() });
  server = running;
  const status = new Status();
  const chat: ChatPanel = new ChatPanel(running, status, context);
  const hunks = new Hunks(running);
  const review = new Review(running);
  const prompts = new Prompts(running);
  saveOnRequest(running);
  context.subscriptions.push(running, status, chat, hunks, review, prompts, new Problems(running), new Focus(running));

  /** Asks about a selection: that of the active editor, or the one that a code action names. The words may be given. */
  async function ask(argument?: unknown): Promise<unknown> {
    const editor = vscode.window.activeTextEditor;
    const place = at(argument, 'uri') === undefined && editor !== undefined ? placeOf(editor) : { uri: at(argument, 'uri'), range: at(argument, 'range') };
    const given = text(argument, 'text');
    const words = given !== '' ? given : await vscode.window.showInputBox({ title: 'Interline', prompt: about(place.range), placeHolder: 'What should be done, or explained?' });
    if (words === undefined || words.trim() === '') return undefined;
    await chat.focus();
    await chat.ask({ text: words, ...place });
    return undefined;
  }

  const pick = async (what: 'model' | 'agent'): Promise<void> => {
    const name = await choose(running, what);
    if (name !== undefined) chat.chosen(what, name);
  };
  const openSession = async (): Promise<void> => {
    const session = await chooseSession(running);
    if (session === undefined) return;
    try {
      await chat.open(session);
      await chat.focus();
    } catch (error) {
      void vscode.window.showErrorMessage(`Interline: ${message(error)}`);
    }
  };
  const file = (): unknown => {
    const editor = vscode.window.activeTextEditor;
    return editor === undefined ? undefined : { uri: running.client.code2ProtocolConverter.asUri(editor.document.uri) };
  };
  const commands: Record<string, (argument?: unknown) => unknown> = {
    ask: () => ask(),
    chat: () => chat.focus(),
    chatFile: () => running.command('interline.chat'),
    newSession: async () => {
      await chat.newSession();
      await chat.focus();
    },
    sessions: openSession,
    compact: () => running.command('interline.session.compact'),
    cancel: () => running.command('interline.cancel'),
    undoTurn: () => chat.undo(),
    redoTurn: () => running.command('interline.redo'),
    model: () => pick('model'),
    agent: () => pick('agent'),
    prompt: () => prompts.again(),
    review: (turn) => review.show(typeof turn === 'string' ? turn : undefined),
    nextHunk: () => hunks.go(1),
    previousHunk: () => hunks.go(-1),
    acceptHunk: () => hunks.settle('accept'),
    rejectHunk: () => hunks.settle('reject'),
    acceptFile: () => running.command('interline.hunks.accept', file()),
    rejectFile: () => running.command('interline.hunks.reject', file()),
    restart: () => running.restart(),
    output: () => running.showLog(),
  };
  for (const [name, run] of Object.entries(commands)) context.subscriptions.push(vscode.commands.registerCommand(`interline.ui.${name}`, run));

  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration('interline.path')) await running.restart();
      for (const what of ['model', 'agent'] as const) {
        const name = vscode.workspace.getConfiguration('interline').get(what, '').trim();
        if (!change.affectsConfiguration(`interline.${what}`) || name === '') continue;
        if ((await running.command(`interline.${what}`, { [what]: name })) !== undefined) chat.chosen(what, name);
      }
    }),
  );
  // Not awaited: the views are there at once, and a failure is told by itself.
  void running.start();

  function placeOf(editor: vscode.TextEditor): { uri: unknown; range: unknown } {
    const converter = running.client.code2ProtocolConverter;
    return { uri: converter.asUri(editor.document.uri), range: converter.asRange(editor.selection) };
  }
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}

function about(range: unknown): string {
  const line = (end: 'start' | 'end'): number => Number(at(range, end, 'line') ?? 0) + 1;
  return line('start') === line('end') ? `About line ${line('start')}` : `About lines ${line('start')}–${line('end')}`;
}
