// Texts of the model, its tools and the server, made fit for the places where VS Code shows them.
//
// Invariant: what a model wrote never becomes a link, a command or a second line in a notification or an input box.

const LONGEST = 240;

/** One line. VS Code makes links, `command:` ones too, of `[text](address)` in notifications and input boxes: here it makes none. */
export function plain(words: string, longest = LONGEST): string {
  const line = words.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').replaceAll('](', '] (').trim();
  const letters = [...line];
  return letters.length <= longest ? line : `${letters.slice(0, longest - 1).join('')}…`;
}

/** What a prompt is about, with the permission's name in front unless it is there already: "Edit a.txt", "bash: ls". */
export function subject(permission: string, title: string): string {
  const words = plain(title, 160);
  return permission === '' || words.toLowerCase().startsWith(permission.toLowerCase()) ? words : `${plain(permission, 40)}: ${words}`;
}

/** A path as one reads it: relative to the project's folder where it is in it. */
export function relative(path: string, root: string): string {
  return root !== '' && path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}

export function dollars(cost: number): string {
  return cost >= 0.995 ? `$${cost.toFixed(2)}` : `$${cost.toFixed(3)}`;
}

export function tokens(count: number): string {
  return count < 1000 ? String(count) : count < 99_950 ? `${(count / 1000).toFixed(1)}k` : `${Math.round(count / 1000)}k`;
}
