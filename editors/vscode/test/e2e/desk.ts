// A project, a home, and a real editor on it: code-server, with this extension installed from its package.
//
// Owns folders and processes. Must not know the scenarios. Invariant: nothing of the machine's own configuration is seen, nothing beyond the
// loopback interface is reached, and what was started is ended.

import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { until } from './until';

export interface Tools {
  /** The program `interline`. */
  interline: string;
  /** The program `code-server`. */
  codeServer: string;
  /** The extension's package. */
  vsix: string;
}

const SETTINGS = {
  'workbench.startupEditor': 'none',
  'security.workspace.trust.enabled': false,
  'files.autoSave': 'off',
  'telemetry.telemetryLevel': 'off',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'editor.minimap.enabled': false,
  'editor.acceptSuggestionOnEnter': 'off',
  'editor.quickSuggestions': { other: 'off', comments: 'off', strings: 'off' },
  'editor.wordBasedSuggestions': 'off',
  'chat.commandCenter.enabled': false,
  'chat.disableAIFeatures': true,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'update.showReleaseNotes': false,
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'git.enabled': false,
};

export class Desk {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'interline-vscode-')));
  readonly project = join(this.folder, 'project');
  url = '';
  private process: ChildProcess | undefined;

  constructor(private readonly tools: Tools) {
    for (const name of ['project', 'home', 'tmp', 'data/User']) mkdirSync(join(this.folder, name), { recursive: true });
    execFileSync('git', ['init', '-q', this.project]);
    const settings = { ...SETTINGS, 'interline.path': tools.interline };
    this.write('../data/User/settings.json', JSON.stringify(settings));
    // The setting is the machine's, which for a remote editor is another file.
    mkdirSync(join(this.folder, 'data/Machine'), { recursive: true });
    this.write('../data/Machine/settings.json', JSON.stringify({ 'interline.path': tools.interline }));
  }

  /** A path of the project. */
  at(name: string): string {
    return join(this.project, name);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), text);
  }

  /** The text on the disk; empty if there is no file. */
  read(name: string): string {
    return existsSync(this.at(name)) ? readFileSync(this.at(name), 'utf8') : '';
  }

  has(name: string): boolean {
    return existsSync(this.at(name));
  }

  configure(config: unknown): void {
    this.write('../interline.json', JSON.stringify(config));
  }

  install(): void {
    execFileSync(this.tools.codeServer, [...this.folders(), '--install-extension', this.tools.vsix], { env: this.environment(), stdio: ['ignore', 'ignore', openSync(join(this.folder, 'install.log'), 'a')] });
  }

  async start(): Promise<void> {
    const port = await freePort();
    const log = openSync(join(this.folder, 'server.log'), 'a');
    const args = ['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, '--disable-telemetry', '--disable-update-check', '--disable-workspace-trust',
      '--disable-getting-started-override', this.project];
    this.process = spawn(this.tools.codeServer, [...this.folders(), ...args], { env: this.environment(), detached: true, stdio: ['ignore', log, log] });
    await until('code-server listens', () => accepts(port), 60_000);
    this.url = `http://127.0.0.1:${port}/?folder=${encodeURIComponent(this.project)}`;
  }

  /** Ends the editor's server, and all that it started. */
  async stop(): Promise<void> {
    const { process: child } = this;
    this.process = undefined;
    if (child?.pid === undefined) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    signal(child.pid, 'SIGTERM');
    const killed = setTimeout(() => signal(child.pid, 'SIGKILL'), 5000);
    await ended;
    clearTimeout(killed);
    signal(child.pid, 'SIGKILL');
  }

  /** Kills Interline where it works on this project. */
  killInterline(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const ours = readlinkSync(`/proc/${pid}/cwd`) === this.project && readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('interline');
        if (ours) process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It is gone, or somebody else's.
      }
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  private folders(): string[] {
    return ['--user-data-dir', join(this.folder, 'data'), '--extensions-dir', join(this.folder, 'extensions')];
  }

  private environment(): NodeJS.ProcessEnv {
    const home = join(this.folder, 'home');
    return {
      PATH: [dirname(this.tools.interline), dirname(process.execPath), process.env['PATH']].join(delimiter),
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      XDG_DATA_HOME: join(home, '.local/share'),
      XDG_STATE_HOME: join(home, '.local/state'),
      XDG_CACHE_HOME: join(home, '.cache'),
      TMPDIR: join(this.folder, 'tmp'),
      LANG: 'C.UTF-8',
      SHELL: '/bin/bash',
      INTERLINE_CONFIG: join(this.folder, 'interline.json'),
      CODE_SERVER_CONFIG: join(this.folder, 'config.yaml'),
    };
  }
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name);
  } catch {
    // The whole group is gone.
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
