// Writes interline.vsix: a zip of the extension, in the layout that VS Code installs.
//
// A VSIX holds extension/ (the folder), extension.vsixmanifest and [Content_Types].xml. Invariant: only what is needed at run time goes in, and the
// same sources give the same bytes.

import { readFileSync, writeFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';

process.chdir(new URL('..', import.meta.url).pathname);
const extension = JSON.parse(readFileSync('package.json', 'utf8'));
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const property = (id, value) => `<Property Id="Microsoft.VisualStudio.Code.${id}" Value="${escape(value)}"/>`;

const manifest = `<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata>
<Identity Language="en-US" Id="${extension.name}" Version="${extension.version}" Publisher="${extension.publisher}"/>
<DisplayName>${escape(extension.displayName)}</DisplayName>
<Description xml:space="preserve">${escape(extension.description)}</Description>
<Categories>${escape(extension.categories.join(','))}</Categories>
<Properties>${property('Engine', extension.engines.vscode)}${property('ExtensionKind', extension.extensionKind.join(','))}</Properties>
</Metadata>
<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
<Dependencies/>
<Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/><Asset Type="Microsoft.VisualStudio.Services.Content.Details" Path="extension/README.md" Addressable="true"/></Assets>
</PackageManifest>
`;
const types = ['json application/json', 'js application/javascript', 'css text/css', 'svg image/svg+xml', 'md text/markdown', 'vsixmanifest text/xml']
  .map((type) => type.split(' ')).map(([end, type]) => `<Default Extension=".${end}" ContentType="${type}"/>`).join('');

const { scripts: _scripts, devDependencies: _dependencies, ...shipped } = extension;
const files = [
  ['extension.vsixmanifest', manifest],
  ['[Content_Types].xml', `<?xml version="1.0" encoding="utf-8"?>\n<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">${types}</Types>\n`],
  ['extension/package.json', `${JSON.stringify(shipped, null, 2)}\n`],
  ...['README.md', 'media/interline.svg', 'media/chat.css', 'dist/extension.js', 'dist/webview.js'].map((name) => [`extension/${name}`, readFileSync(name)]),
];

const parts = [];
const directory = [];
let offset = 0;
for (const [name, content] of files) {
  const bytes = Buffer.from(content);
  const packed = deflateRawSync(bytes);
  const label = Buffer.from(name);
  // What both records share: version 2.0, no flags, deflated, 1 January 1980, checksum, sizes, the name's length, no extra field.
  const shared = Buffer.alloc(26);
  shared.writeUInt16LE(20, 0);
  shared.writeUInt16LE(8, 4);
  shared.writeUInt16LE(0x21, 8);
  shared.writeUInt32LE(crc32(bytes), 10);
  shared.writeUInt32LE(packed.length, 14);
  shared.writeUInt32LE(bytes.length, 18);
  shared.writeUInt16LE(label.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), shared, label, packed]);
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(offset, 10);
  directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), shared, rest, label]));
  parts.push(local);
  offset += local.length;
}
const entries = Buffer.concat(directory);
const end = Buffer.alloc(22);
end.write('PK\x05\x06', 0, 'latin1');
end.writeUInt16LE(files.length, 8);
end.writeUInt16LE(files.length, 10);
end.writeUInt32LE(entries.length, 12);
end.writeUInt32LE(offset, 16);
writeFileSync('interline.vsix', Buffer.concat([...parts, entries, end]));
process.stdout.write(`interline.vsix: ${Math.round((offset + entries.length) / 1024)} kB\n`);

/** The zip's checksum. (Node has one of its own from version 22 on.) */
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
