// Lists to choose from: models, agents, sessions.
//
// Must not remember the choice: the server does.

import * as vscode from 'vscode';
import { number, list, text } from './json';
import type { Server } from './server';
import { dollars } from './words';

/** Lets the user choose the model or the agent for the next messages. The new one; none if nothing was chosen. */
export async function choose(server: Server, what: 'model' | 'agent'): Promise<string | undefined> {
  const reply = await server.command(`interline.${what}`);
  const names = list(reply).filter((name): name is string => typeof name === 'string');
  if (names.length === 0) {
    if (reply !== undefined) void vscode.window.showInformationMessage(`Interline: there is no ${what} to choose; \`interline doctor\` in a terminal says why.`);
    return undefined;
  }
  const name = await vscode.window.showQuickPick(names, { title: `Interline: ${what}`, placeHolder: `The ${what} for the next messages` });
  if (name === undefined) return undefined;
  return (await server.command(`interline.${what}`, { [what]: name })) === undefined ? undefined : name;
}

/** Lets the user choose one of the project's sessions: its id. */
export async function chooseSession(server: Server): Promise<string | undefined> {
  const reply = await server.command('interline.session.list');
  if (reply === undefined) return undefined;
  const sessions = list(reply).filter((session) => text(session, 'parentID') === '').map((session) => ({
    label: text(session, 'title').replaceAll('$(', '(') || 'Untitled',
    description: [when(number(session, 'time', 'updated')), cost(number(session, 'cost'))].filter((word) => word !== '').join(' · '),
    id: text(session, 'id'),
  }));
  if (sessions.length === 0) {
    void vscode.window.showInformationMessage('Interline: there is no session in this project yet.');
    return undefined;
  }
  const picked = await vscode.window.showQuickPick(sessions, { title: 'Interline: sessions', placeHolder: 'Go on with…', matchOnDescription: true });
  return picked?.id;
}

function when(time: number): string {
  return time === 0 ? '' : new Date(time).toLocaleString();
}

function cost(value: number): string {
  return value > 0 ? dollars(value) : '';
}
