// Bundles the extension, its page, and the tests into dist/.
//
// Invariant: what is shipped (extension.js, webview.js) depends on nothing but VS Code.

import { readdirSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

process.chdir(new URL('..', import.meta.url).pathname);
rmSync('dist', { recursive: true, force: true });
const common = { bundle: true, logLevel: 'warning', legalComments: 'none' };
const node = { ...common, platform: 'node', format: 'cjs', target: 'node20' };
const tests = readdirSync('test/unit').filter((name) => name.endsWith('.test.ts')).map((name) => `test/unit/${name}`);
await Promise.all([
  build({ ...node, entryPoints: ['src/extension.ts'], outfile: 'dist/extension.js', external: ['vscode'], minify: true }),
  build({ ...common, entryPoints: ['src/webview/main.ts'], outfile: 'dist/webview.js', platform: 'browser', format: 'iife', target: 'es2022', minify: true }),
  build({ ...node, entryPoints: tests, outdir: 'dist/test' }),
  build({ ...node, entryPoints: ['test/e2e/main.ts'], outfile: 'dist/e2e/main.js', external: ['playwright-core'] }),
]);
