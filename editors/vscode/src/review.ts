// The changes of a turn, or all that are not reviewed yet, side by side with what was there before.
//
// Owns the old texts while they are shown. Invariant: the old side cannot be edited, the new one is the file itself.

import * as vscode from 'vscode';
import { list, text } from './json';
import type { Server } from './server';

const SCHEME = 'interline-before';

export class Review implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);

  constructor(private readonly server: Server) {}

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? '';
  }

  /** Shows the changes of a turn; without one all that wait for review. */
  async show(turn?: string): Promise<void> {
    const reply = await this.server.command('interline.hunks.list', turn === undefined ? undefined : { turn });
    if (reply === undefined) return;
    const files = list(reply, 'files').map((file) => ({ now: vscode.Uri.parse(text(file, 'uri')), old: text(file, 'old') }));
    const pairs = files.map(({ now, old }): [vscode.Uri, vscode.Uri, vscode.Uri] => {
      const before = now.with({ scheme: SCHEME, query: turn ?? '' });
      this.texts.set(before.toString(), old);
      this.changed.fire(before);
      return [now, before, now];
    });
    const [only] = pairs;
    if (only === undefined) {
      void vscode.window.showInformationMessage('Interline: there is no change to review.');
    } else if (pairs.length === 1) {
      const name = vscode.workspace.asRelativePath(only[0]);
      await vscode.commands.executeCommand('vscode.diff', only[1], only[2], `${name}: before ↔ now`, { preview: true });
    } else {
      await vscode.commands.executeCommand('vscode.changes', 'Interline: changes', pairs);
    }
  }

  dispose(): void {
    this.registration.dispose();
    this.changed.dispose();
  }
}
