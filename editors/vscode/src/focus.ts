// Where the user is, told to the server (`interline/focus`): what is asked in the chat is mostly about that.
//
// Invariant: only files are told; while the user is in the chat's view the editor before it counts.

import * as vscode from 'vscode';
import type { Server } from './server';

/** How long the cursor must be still, in milliseconds. */
const STILL = 120;

export class Focus implements vscode.Disposable {
  private timer: NodeJS.Timeout | undefined;
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly server: Server) {
    const soon = (): void => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.tell(), STILL);
    };
    this.subscriptions = [server.onStart(() => this.tell()), server.onAsk(() => this.tell()), vscode.window.onDidChangeActiveTextEditor(soon), vscode.window.onDidChangeTextEditorSelection(soon)];
  }

  /** Tells it now: what is sent next is sent from there. */
  tell(): void {
    clearTimeout(this.timer);
    const editor = vscode.window.activeTextEditor;
    if (!this.server.client.isRunning() || (editor !== undefined && editor.document.uri.scheme !== 'file')) return;
    const { code2ProtocolConverter: converter } = this.server.client;
    const params = editor === undefined ? {} : { uri: converter.asUri(editor.document.uri), range: converter.asRange(editor.selection) };
    this.server.client.sendNotification('interline/focus', params).catch((error: unknown) => this.server.log(`the focus was not told: ${String(error)}`));
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const each of this.subscriptions) each.dispose();
  }
}
