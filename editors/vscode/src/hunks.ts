// The agent's changes in the open editors: colours, and the ways from one to the next.
//
// Owns which hunks the server marked where. Must not decide what a hunk is; accepting and rejecting are the server's commands.
// Invariant: what is coloured is what the server's diagnostics say; a hunk that was settled loses its colour with them.

import * as vscode from 'vscode';
import { at, text } from './json';
import type { Server } from './server';

interface Hunk {
  id: string;
  range: vscode.Range;
  words: string;
  onlyRemoved: boolean;
}

export class Hunks implements vscode.Disposable {
  private readonly of = new Map<string, Hunk[]>();
  private readonly subscriptions: vscode.Disposable[] = [];
  private readonly changed = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor('diffEditor.insertedLineBackground'),
    overviewRulerColor: new vscode.ThemeColor('editorOverviewRuler.addedForeground'),
    overviewRulerLane: vscode.OverviewRulerLane.Left,
    after: { color: new vscode.ThemeColor('editorCodeLens.foreground'), margin: '0 0 0 3em' },
  });
  private readonly removed = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    borderWidth: '2px 0 0 0',
    borderStyle: 'dotted',
    borderColor: new vscode.ThemeColor('editorOverviewRuler.deletedForeground'),
    overviewRulerColor: new vscode.ThemeColor('editorOverviewRuler.deletedForeground'),
    overviewRulerLane: vscode.OverviewRulerLane.Left,
    after: { color: new vscode.ThemeColor('editorCodeLens.foreground'), margin: '0 0 0 3em' },
  });

  constructor(private readonly server: Server) {
    this.subscriptions.push(
      server.onDiagnostics(({ uri, diagnostics }) => {
        const found = diagnostics.filter((diagnostic) => code(diagnostic) === 'hunk').map(hunk).sort((a, b) => a.range.start.compareTo(b.range.start));
        if (found.length === 0) this.of.delete(uri.toString());
        else this.of.set(uri.toString(), found);
        this.draw();
      }),
      vscode.window.onDidChangeVisibleTextEditors(() => this.draw()),
    );
  }

  /** Goes to the next hunk (`by` 1) or the one before (-1), round the file and on to other open files. */
  async go(by: 1 | -1): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    const uri = editor?.document.uri.toString() ?? '';
    const here = this.of.get(uri) ?? [];
    const line = editor?.selection.active.line ?? 0;
    const further = by === 1 ? here.find((each) => each.range.start.line > line) : here.findLast((each) => each.range.start.line < line);
    if (editor !== undefined && further !== undefined) return show(editor, further.range.start);
    const files = [...this.of.keys()].sort();
    if (files.length === 0) return void vscode.window.showInformationMessage('Interline: there is no change to review in the open files.');
    const next = files[(files.indexOf(uri) + by + files.length) % files.length] ?? files[0] ?? '';
    const target = by === 1 ? this.of.get(next)?.[0] : this.of.get(next)?.at(-1);
    const opened = await vscode.window.showTextDocument(vscode.Uri.parse(next));
    if (target !== undefined) show(opened, target.range.start);
  }

  /** Accepts or rejects the hunk at the cursor. */
  async settle(what: 'accept' | 'reject'): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    const line = editor?.selection.active.line ?? -1;
    const found = (this.of.get(editor?.document.uri.toString() ?? '') ?? []).find(({ range }) => range.start.line <= line && line <= range.end.line);
    if (found === undefined) void vscode.window.showInformationMessage('Interline: there is no change of the agent at the cursor.');
    else await this.server.command(`interline.hunk.${what}`, { id: found.id });
  }

  dispose(): void {
    for (const each of [...this.subscriptions, this.changed, this.removed]) each.dispose();
  }

  private draw(): void {
    for (const editor of vscode.window.visibleTextEditors) {
      const hunks = this.of.get(editor.document.uri.toString()) ?? [];
      const decoration = ({ range, words }: Hunk): vscode.DecorationOptions => {
        // The words stand once, behind the first line, so each line of it is a range of its own.
        const first = editor.document.lineAt(Math.min(range.start.line, editor.document.lineCount - 1)).range;
        return { range: first, renderOptions: { after: { contentText: words } } };
      };
      const rest = ({ range }: Hunk): vscode.DecorationOptions[] =>
        range.end.line > range.start.line ? [{ range: new vscode.Range(range.start.line + 1, 0, range.end.line, 0) }] : [];
      const added = hunks.filter((each) => !each.onlyRemoved);
      editor.setDecorations(this.changed, [...added.map(decoration), ...added.flatMap(rest)]);
      editor.setDecorations(this.removed, hunks.filter((each) => each.onlyRemoved).map(decoration));
    }
  }
}

function code(diagnostic: vscode.Diagnostic): string {
  return typeof diagnostic.code === 'string' ? diagnostic.code : '';
}

function hunk(diagnostic: vscode.Diagnostic): Hunk {
  const words = diagnostic.message.replace(/^Interline: /, '');
  return { id: text(at(diagnostic, 'data'), 'id'), range: diagnostic.range, words, onlyRemoved: words.startsWith('+0 ') };
}

function show(editor: vscode.TextEditor, position: vscode.Position): void {
  editor.selection = new vscode.Selection(position, position);
  editor.revealRange(new vscode.Range(position, position), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}
