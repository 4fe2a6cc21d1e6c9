// The language server `interline`: starting it, and talking to it.
//
// Owns the client's options, what it announces (`experimental.interline`), and how a command's failure is told. Must not know what the events mean.
// Invariant: what a server says is shown without links, and no command of the server opens the chat as a file where the chat's view is meant.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { LanguageClient, MessageType, ShowMessageNotification, State } from 'vscode-languageclient/node';
import type { ClientCapabilities, LanguageClientOptions, StaticFeature } from 'vscode-languageclient/node';
import { at, text } from './json';
import { plain } from './words';

/** What the rest of the extension does where a code action or code lens of the server would show the chat's file. */
export interface Detours {
  ask(argument: unknown): Promise<unknown>;
  chat(): Promise<unknown>;
}

export class Server implements vscode.Disposable {
  readonly client: LanguageClient;
  private readonly heard = new vscode.EventEmitter<{ type: string; properties: unknown }>();
  /** The session's events, in order. */
  readonly onEvent = this.heard.event;
  private readonly asking = new vscode.EventEmitter<void>();
  /** The server is about to be asked. */
  readonly onAsk = this.asking.event;
  private readonly marked = new vscode.EventEmitter<{ uri: vscode.Uri; diagnostics: vscode.Diagnostic[] }>();
  /** The server's own diagnostics: prompts and hunks. */
  readonly onDiagnostics = this.marked.event;
  private readonly begun = new vscode.EventEmitter<void>();
  /** The server runs, for the first time or again. */
  readonly onStart = this.begun.event;
  private readonly ended = new vscode.EventEmitter<void>();
  /** The server does not run any more; whatever ran or waited in it is over. */
  readonly onEnd = this.ended.event;
  private readonly output = vscode.window.createOutputChannel('Interline', { log: true });

  constructor(detours: Detours) {
    const options: LanguageClientOptions = {
      documentSelector: [{ scheme: 'file' }],
      outputChannel: this.output,
      initializationOptions: () => initializationOptions(),
      middleware: {
        executeCommand: async (name, args) => {
          const argument: unknown = args[0];
          if (name === 'interline.ask' && at(argument, 'show') === true) return detours.ask(argument);
          if (name === 'interline.chat') return detours.chat();
          return this.command(name, argument);
        },
        handleDiagnostics: (uri, diagnostics, next) => {
          next(uri, diagnostics);
          this.marked.fire({ uri, diagnostics });
        },
      },
    };
    this.client = new LanguageClient('interline', 'Interline', () => this.launch(), options);
    this.client.registerFeature(announcement);
    this.client.onNotification('interline/event', (event: unknown) => {
      this.heard.fire({ type: text(event, 'event', 'type'), properties: at(event, 'event', 'properties') });
    });
    this.client.onNotification(ShowMessageNotification.type, ({ type, message }) => {
      const words = plain(message, 600);
      if (type === MessageType.Error) void vscode.window.showErrorMessage(words);
      else if (type === MessageType.Warning) void vscode.window.showWarningMessage(words);
      else void vscode.window.showInformationMessage(words);
    });
    this.client.onDidChangeState(({ newState }) => {
      if (newState === State.Running) this.begun.fire();
      if (newState === State.Stopped) this.ended.fire();
    });
  }

  /** The process, once it runs. The path is read at each start, so that a new setting counts after a restart. */
  private launch(): Promise<ChildProcess> {
    const cwd = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? homedir();
    const child = spawn(program(), [], { cwd, stdio: 'pipe' });
    return new Promise((resolve, reject) => {
      child.once('spawn', () => resolve(child));
      child.on('error', (error) => {
        this.log(message(error));
        reject(error);
      });
    });
  }

  /** Starts it; says what to do if that fails. */
  async start(): Promise<void> {
    try {
      await this.client.start();
    } catch (error) {
      const settings = 'Open Settings';
      const words = plain(`Interline: the program \`${program()}\` could not be started (${message(error)}). Install it, or say in the setting interline.path where it is.`, 600);
      const chosen = await vscode.window.showErrorMessage(words, settings);
      if (chosen === settings) await vscode.commands.executeCommand('workbench.action.openSettings', 'interline.path');
    }
  }

  /** A command of the server. A failure is told to the user, and its reply is undefined. */
  async command(name: string, argument?: unknown): Promise<unknown> {
    try {
      return await this.ask(name, argument);
    } catch (error) {
      void vscode.window.showErrorMessage(plain(`Interline: ${message(error)}`, 600));
      return undefined;
    }
  }

  /** The same, but a failure is the caller's. */
  async ask(name: string, argument?: unknown): Promise<unknown> {
    const params = { command: name, arguments: argument === undefined ? [] : [argument] };
    if (name === 'interline.ask') this.asking.fire();
    return this.client.sendRequest('workspace/executeCommand', params);
  }

  log(words: string): void {
    this.output.info(words);
  }

  showLog(): void {
    this.output.show();
  }

  async restart(): Promise<void> {
    if (this.client.isRunning()) await this.client.restart();
    else await this.start();
  }

  async stop(): Promise<void> {
    if (this.client.needsStop()) await this.client.stop();
  }

  dispose(): void {
    for (const each of [this.heard, this.marked, this.begun, this.ended, this.output]) each.dispose();
  }
}

function program(): string {
  return vscode.workspace.getConfiguration('interline').get('path', 'interline').trim() || 'interline';
}

/** The words of an error, whatever was thrown. */
export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function initializationOptions(): Record<string, string> {
  const settings = vscode.workspace.getConfiguration('interline');
  const options: Record<string, string> = {};
  for (const name of ['model', 'agent'] as const) {
    const value = settings.get(name, '').trim();
    if (value !== '') options[name] = value;
  }
  return options;
}

/** Tells the server that this extension is here. It does not ask for `interline/written`: VS Code keeps no undo history of files that are not open. */
const announcement: StaticFeature = {
  fillClientCapabilities(capabilities: ClientCapabilities) {
    const others: unknown = capabilities.experimental;
    capabilities.experimental = { ...(typeof others === 'object' ? others : {}), interline: {} };
  },
  initialize() {},
  getState: () => ({ kind: 'static' }),
  clear() {},
};
