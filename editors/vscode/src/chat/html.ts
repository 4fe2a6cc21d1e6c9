// The page of the chat: an empty frame that the script fills.
//
// Invariant: nothing of the model, the project or the user is ever part of this text; scripts run by nonce only, and nothing is loaded from elsewhere.

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

export function page(webview: vscode.Webview, folder: vscode.Uri): string {
  const nonce = randomBytes(18).toString('base64');
  const script = webview.asWebviewUri(vscode.Uri.joinPath(folder, 'dist', 'webview.js')).toString();
  const style = webview.asWebviewUri(vscode.Uri.joinPath(folder, 'media', 'chat.css')).toString();
  const policy = `default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${style}">
<title>Interline</title>
</head>
<body>
<main id="items" role="log" aria-live="polite"></main>
<footer>
<ul id="suggestions" role="listbox" hidden></ul>
<textarea id="draft" rows="2" placeholder="Ask Interline… (@ names a file, / a command)" aria-label="Your message"></textarea>
<div id="foot"><button id="model" class="link" title="Choose the model"></button><button id="agent" class="link" title="Choose the agent"></button><span id="status"></span><button id="send">Send</button></div>
</footer>
<script nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}
