// The problems that the editor's other extensions find, for the agent to learn from (`interline/diagnostics`).
//
// Must not judge them. VS Code does not say for which version of a text a problem was found; so they are told when an extension has spoken of the text
// as it is, and a moment has passed in which the last word of an older text would have come.
// Invariant: what Interline itself marks is never told, and is never taken for another extension's word.

import * as vscode from 'vscode';
import type { Server } from './server';

/** How long a document's problems must be still, in milliseconds. */
const STILL = 150;

export class Problems implements vscode.Disposable {
  private readonly timers = new Map<string, NodeJS.Timeout>();
  /** What was told last of each document. */
  private readonly told = new Map<string, string>();
  /** Documents in which Interline marked something since VS Code last said that problems changed there. */
  private readonly own = new Set<string>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly server: Server) {
    this.subscriptions = [
      server.onDiagnostics(({ uri }) => this.own.add(uri.toString())),
      server.onStart(() => {
        this.told.clear();
        for (const document of vscode.workspace.textDocuments) if (this.found(document).length > 0) this.tell(document);
      }),
      vscode.languages.onDidChangeDiagnostics(({ uris }) => uris.forEach((uri) => this.changed(uri.toString()))),
      // What waits to be told was said of the text before.
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => contentChanges.length > 0 && this.forget(document.uri.toString())),
      vscode.workspace.onDidCloseTextDocument((document) => this.told.delete(document.uri.toString())),
    ];
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  private changed(uri: string): void {
    const document = this.document(uri);
    if (document === undefined) return;
    const mine = this.own.delete(uri);
    // Where both have spoken only a difference proves that another one did.
    if (mine && JSON.stringify(this.found(document)) === (this.told.get(uri) ?? '[]')) return;
    this.forget(uri);
    this.timers.set(uri, setTimeout(() => {
      this.timers.delete(uri);
      const now = this.document(uri);
      if (now !== undefined) this.tell(now);
    }, STILL));
  }

  private forget(uri: string): void {
    clearTimeout(this.timers.get(uri));
    this.timers.delete(uri);
  }

  private tell(document: vscode.TextDocument): void {
    if (document.uri.scheme !== 'file' || !this.server.client.isRunning()) return;
    const found = this.found(document);
    this.told.set(document.uri.toString(), JSON.stringify(found));
    const { code2ProtocolConverter: converter } = this.server.client;
    const params = { uri: converter.asUri(document.uri), version: document.version, items: found.map((problem) => converter.asDiagnostic(problem)) };
    this.server.client.sendNotification('interline/diagnostics', params).catch((error: unknown) => this.server.log(`problems were not told: ${String(error)}`));
  }

  private document(uri: string): vscode.TextDocument | undefined {
    return vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri);
  }

  private found(document: vscode.TextDocument): vscode.Diagnostic[] {
    return vscode.languages.getDiagnostics(document.uri).filter((problem) => problem.source !== 'interline');
  }
}
