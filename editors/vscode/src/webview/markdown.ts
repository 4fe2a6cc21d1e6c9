// The part of Markdown that models write, as a tree.
//
// Pure. Must not make HTML: the tree holds plain texts only, and whoever draws it makes them text nodes.
// Invariant: every input, hostile or cut off in the middle, gives a tree; links and HTML stay the text that they are.

export type Inline = { kind: 'text' | 'code' | 'strong' | 'em'; text: string };

export type Block =
  | { kind: 'paragraph'; inlines: Inline[] }
  | { kind: 'heading'; level: number; inlines: Inline[] }
  | { kind: 'code'; language: string; text: string }
  | { kind: 'list'; ordered: boolean; items: Inline[][] }
  | { kind: 'quote'; inlines: Inline[] }
  | { kind: 'rule' };

const FENCE = /^\s*(```+|~~~+)\s*([\w+#.-]*)/;
const HEADING = /^(#{1,6})\s+(.*)$/;
const ITEM = /^\s*(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/;
const RULE = /^\s*([-*_])(?:\s*\1){2,}\s*$/;

export function parse(text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.split(/\r?\n/);
  let paragraph: string[] = [];
  const close = (): void => {
    if (paragraph.length > 0) blocks.push({ kind: 'paragraph', inlines: inlines(paragraph.join('\n')) });
    paragraph = [];
  };
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const fence = FENCE.exec(line);
    if (fence !== null) {
      close();
      const mark = fence[1] ?? '```';
      const body: string[] = [];
      // A fence that is not closed yet goes to the end: the answer is still being written.
      for (at++; at < lines.length && !(lines[at] ?? '').trim().startsWith(mark); at++) body.push(lines[at] ?? '');
      blocks.push({ kind: 'code', language: fence[2] ?? '', text: body.join('\n') });
      continue;
    }
    const heading = HEADING.exec(line);
    const item = ITEM.exec(line);
    if (line.trim() === '') {
      close();
    } else if (RULE.test(line)) {
      close();
      blocks.push({ kind: 'rule' });
    } else if (heading !== null) {
      close();
      blocks.push({ kind: 'heading', level: (heading[1] ?? '#').length, inlines: inlines(heading[2] ?? '') });
    } else if (item !== null) {
      close();
      const ordered = item[2] !== undefined;
      const last = blocks.at(-1);
      if (last?.kind === 'list' && last.ordered === ordered) last.items.push(inlines(item[3] ?? ''));
      else blocks.push({ kind: 'list', ordered, items: [inlines(item[3] ?? '')] });
    } else if (line.startsWith('>')) {
      close();
      const words = line.replace(/^>\s?/, '');
      const last = blocks.at(-1);
      if (last?.kind === 'quote' && (lines[at - 1] ?? '').startsWith('>')) last.inlines.push({ kind: 'text', text: '\n' }, ...inlines(words));
      else blocks.push({ kind: 'quote', inlines: inlines(words) });
    } else {
      paragraph.push(line);
    }
  }
  close();
  return blocks;
}

const INLINE = /(`+)([^`](?:.*?[^`])?)\1(?!`)|\*\*([^\s*](?:[^*]*[^\s*])?)\*\*|(?<![\w*])\*([^\s*](?:[^*]*[^\s*])?)\*(?![\w*])/gs;

/** Code, strong and emphasised words; all else is text. */
export function inlines(text: string): Inline[] {
  const found: Inline[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > end) found.push({ kind: 'text', text: text.slice(end, match.index) });
    if (match[2] !== undefined) found.push({ kind: 'code', text: match[2] });
    else if (match[3] !== undefined) found.push({ kind: 'strong', text: match[3] });
    else found.push({ kind: 'em', text: match[4] ?? '' });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ kind: 'text', text: text.slice(end) });
  return found;
}
