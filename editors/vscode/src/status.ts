// The status bar: which model works, what the session has cost, and whether a turn runs.
//
// Invariant: one item, never more than one short line.

import * as vscode from 'vscode';
import type { Foot } from './chat/items';
import { dollars, plain } from './words';

export class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('interline.status', vscode.StatusBarAlignment.Right, 90);

  constructor() {
    this.item.name = 'Interline';
    this.item.command = 'interline.ui.chat';
    this.show({ busy: false, model: '', agent: '', status: '' }, 0);
    this.item.show();
  }

  show(foot: Foot, cost: number): void {
    const model = foot.model || vscode.workspace.getConfiguration('interline').get('model', '');
    const name = plain(model.slice(model.lastIndexOf('/') + 1), 32).replaceAll('$(', '(');
    const words = [name === '' ? 'Interline' : name, cost > 0 ? dollars(cost) : ''].filter((word) => word !== '').join(' · ');
    this.item.text = `${foot.busy ? '$(sync~spin)' : '$(comment-discussion)'} ${words}`;
    this.item.tooltip = ['Interline', model, foot.agent === '' ? '' : `agent ${foot.agent}`, foot.busy ? 'works' : ''].filter((word) => word !== '').join(': ');
    void vscode.commands.executeCommand('setContext', 'interline.busy', foot.busy);
  }

  dispose(): void {
    this.item.dispose();
  }
}
