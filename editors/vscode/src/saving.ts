// Saving before a shell command, so that it sees what the user sees.
//
// Invariant: only documents that the server names are saved, and nothing is opened.

import * as vscode from 'vscode';
import { texts } from './json';
import type { Server } from './server';

/** Answers `interline/save`. */
export function saveOnRequest(server: Server): void {
  server.client.onRequest('interline/save', async (params: unknown) => {
    const wanted = new Set(texts(params, 'uris').map((uri) => vscode.Uri.parse(uri).toString()));
    const dirty = vscode.workspace.textDocuments.filter((document) => document.isDirty && wanted.has(document.uri.toString()));
    const saved = await Promise.all(dirty.map((document) => document.save()));
    return { saved: saved.filter(Boolean).length };
  });
}
