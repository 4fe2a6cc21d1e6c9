// The chat's view in the side bar.
//
// Owns which session is shown, and what goes to and comes from the page. Must not know how the page looks.
// Invariant: the session that is shown is the one that the next message goes to.

import * as vscode from 'vscode';
import { list, text } from '../json';
import { message as words } from '../server';
import type { Server } from '../server';
import type { Status } from '../status';
import { Conversation } from './conversation';
import { fromPage } from './from_page';
import { page } from './html';
import type { FromPage, ToPage } from './items';

/** Where the session's id is kept over restarts. */
const KEPT = 'session';
/** Between two updates of the page, in milliseconds: an answer's words come faster than one reads. */
const PACE = 40;
const VIEW = 'interline.chatView';

export class ChatPanel implements vscode.WebviewViewProvider, vscode.Disposable {
  private view: vscode.WebviewView | undefined;
  private shown: Conversation;
  private readonly children = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private readonly subscriptions: vscode.Disposable[] = [];
  private restoring: Promise<void> | undefined;

  constructor(
    private readonly server: Server,
    private readonly status: Status,
    private readonly context: vscode.ExtensionContext,
  ) {
    this.shown = this.conversation('');
    this.subscriptions.push(
      vscode.window.registerWebviewViewProvider(VIEW, this),
      server.onEvent(({ type, properties }) => this.heard(type, properties)),
      server.onEnd(() => {
        this.shown.interrupted();
        this.refresh();
      }),
    );
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.view = view;
    const folder = this.context.extensionUri;
    view.webview.options = { enableScripts: true, localResourceRoots: [vscode.Uri.joinPath(folder, 'dist'), vscode.Uri.joinPath(folder, 'media')] };
    view.webview.html = page(view.webview, folder);
    view.onDidDispose(() => {
      this.view = undefined;
    });
    view.webview.onDidReceiveMessage((value: unknown) => {
      const said = fromPage(value);
      if (said !== undefined) this.said(said).catch((error: unknown) => this.server.log(`the chat: ${words(error)}`));
    });
  }

  /** Shows the view, with the cursor in it. */
  async focus(draft?: string): Promise<void> {
    await vscode.commands.executeCommand(`${VIEW}.focus`);
    if (draft !== undefined) this.post({ type: 'draft', text: draft });
  }

  /** Sends a message of the user's, as if it had been written in the view. */
  async ask(argument: Record<string, unknown>): Promise<void> {
    await this.restored();
    try {
      const { session: current } = this.shown;
      const reply = await this.server.ask('interline.ask', { ...argument, ...(current === '' ? {} : { session: current }), show: false });
      const session = text(reply, 'session');
      if (session !== '') this.adopt(session);
      else if (typeof reply === 'string') this.note(reply);
    } catch (error) {
      this.note(words(error), 'error');
    }
  }

  /** The next message begins a new session. */
  async newSession(): Promise<void> {
    await this.server.command('interline.session.new');
    this.show(this.conversation(''));
  }

  /** Goes back to a session, without a name the project's last one: its history is shown, and messages go to it. */
  async open(wanted?: string): Promise<void> {
    const opened = await this.server.ask('interline.session.open', wanted === undefined ? undefined : { session: wanted });
    const session = text(opened, 'session');
    const conversation = this.conversation(session);
    const reply = await this.server.ask('interline.session.messages', { session });
    conversation.load(list(reply, 'messages'));
    conversation.apply('session.updated', { info: (reply as { session?: unknown }).session });
    this.show(conversation);
  }

  /** The turn that was shown last is undone. */
  async undo(turn?: string): Promise<void> {
    await this.server.command('interline.undo', turn === undefined ? undefined : { turn });
  }

  note(text: string, tone: 'info' | 'error' = 'info'): void {
    this.shown.note(text, tone);
    this.refresh();
  }

  /** The model or agent for the next messages was chosen. */
  chosen(what: 'model' | 'agent', name: string): void {
    this.shown.foot = { ...this.shown.foot, [what]: name };
    this.refresh();
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const each of this.subscriptions) each.dispose();
  }

  private async said(said: FromPage): Promise<void> {
    switch (said.type) {
      case 'ready':
        await this.restored();
        this.reset();
        break;
      case 'send':
        await this.send(said.text.trim());
        break;
      case 'cancel':
        await this.server.command('interline.cancel');
        break;
      case 'model':
      case 'agent':
        await vscode.commands.executeCommand(`interline.ui.${said.type}`);
        break;
      case 'permit':
        await this.server.command('interline.permit', { id: said.id, reply: said.reply, message: said.message });
        break;
      case 'answer':
        await this.server.command('interline.answer', { id: said.id, answers: said.answers });
        break;
      case 'complete': {
        const reply = await this.server.ask('interline.complete', { text: said.before });
        const suggestions = list(reply).map((item) => ({ label: text(item, 'label'), detail: text(item, 'detail') }));
        this.post({ type: 'suggest', token: said.token, suggestions });
        break;
      }
      case 'review':
        await vscode.commands.executeCommand('interline.ui.review', said.turn === '' ? undefined : said.turn);
        break;
      case 'undo':
        await this.undo(said.turn === '' ? undefined : said.turn);
        break;
    }
  }

  private async send(message: string): Promise<void> {
    if (message === '') return;
    // What VS Code has a better place for than lines in the chat.
    const own: Record<string, string> = { '/new': 'newSession', '/sessions': 'sessions', '/model': 'model', '/agent': 'agent', '/undo': 'undoTurn', '/redo': 'redoTurn' };
    const command = own[message];
    if (command !== undefined) return void (await vscode.commands.executeCommand(`interline.ui.${command}`));
    const question = this.shown.waitingQuestion();
    if (question !== undefined && !message.startsWith('/')) await this.server.command('interline.answer', { id: question.id, answers: [[message]] });
    else await this.ask({ text: message });
  }

  private heard(type: string, properties: unknown): void {
    const session = text(properties, 'sessionID') || text(properties, 'info', 'sessionID') || text(properties, 'part', 'sessionID') || text(properties, 'info', 'id');
    if (type.startsWith('session.') && text(properties, 'info', 'parentID') !== '') this.children.add(session);
    const asks = type.startsWith('permission.') || type.startsWith('question.');
    // What a subagent does is told by the call that started it; what it asks is for the user.
    if (this.children.has(session) && !asks) return;
    if (!this.children.has(session) && session !== this.shown.session) {
      const begins = type === 'session.created' || (type === 'session.status' && text(properties, 'status', 'type') === 'busy');
      if (!begins) return;
      this.adopt(session);
    }
    this.shown.apply(type, properties);
    this.refresh();
  }

  /** A session was begun, here or by a code action: it is shown from now on. */
  private adopt(session: string): void {
    if (session === this.shown.session) return;
    this.show(this.conversation(session));
  }

  private conversation(session: string): Conversation {
    const conversation = new Conversation(session, vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '');
    const settings = vscode.workspace.getConfiguration('interline');
    const before = this.shown as Conversation | undefined;
    conversation.foot.model = before?.foot.model || settings.get('model', '');
    conversation.foot.agent = before?.foot.agent || settings.get('agent', '');
    return conversation;
  }

  private show(conversation: Conversation): void {
    this.shown = conversation;
    void this.context.workspaceState.update(KEPT, conversation.session);
    this.reset();
  }

  /** The session that was shown when VS Code was last left is shown again; where VS Code has forgotten which, the project's last one. Once. */
  private restored(): Promise<void> {
    this.restoring ??= (async () => {
      const kept = this.context.workspaceState.get<string>(KEPT);
      // Empty: a new one was to begin.
      if (kept === '' || this.shown.session !== '') return;
      try {
        await this.open(kept);
      } catch (error) {
        this.server.log(`the last session is not shown: ${words(error)}`);
      }
    })();
    return this.restoring;
  }

  private reset(): void {
    this.shown.take();
    this.status.show(this.shown.foot, this.shown.cost);
    this.post({ type: 'reset', items: this.shown.items, foot: this.shown.foot });
    if (this.view !== undefined) this.view.description = this.shown.title;
  }

  private refresh(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.status.show(this.shown.foot, this.shown.cost);
      if (this.view !== undefined) this.view.description = this.shown.title;
      this.post({ type: 'update', items: this.shown.take(), length: this.shown.items.length, foot: this.shown.foot });
    }, PACE);
  }

  private post(message: ToPage): void {
    void this.view?.webview.postMessage(message);
  }
}
