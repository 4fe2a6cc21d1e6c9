// Waiting for what can only be looked at: a page, a file.
//
// Invariant: whoever waits says for what, and is told so when it does not come.

const PATIENCE = 30_000;
/** How long a key may take to show that it was taken, before it is pressed again. */
const TAKEN = 3000;
const EVERY = 25;

/** What `look` gives as soon as that is something. */
export async function until<T>(what: string, look: () => T | Promise<T>, patience = PATIENCE): Promise<NonNullable<T>> {
  const end = Date.now() + patience;
  let last: unknown;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found as NonNullable<T>;
    last = found;
    if (Date.now() > end) throw new Error(`did not come in ${patience / 1000} s: ${what}${last === false ? '' : ` (last: ${String(last)})`}`);
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}

/**
 * Does what may be done twice, until it shows: a key may be pressed before anybody listens, or meet a page that is just being drawn.
 * `shown` waits for so long as it is told, and throws when it does not come.
 */
export async function again(what: string, act: () => Promise<void>, shown: (timeout: number) => Promise<unknown>): Promise<void> {
  await until(what, async () => {
    await act();
    return shown(TAKEN).then(() => true, () => false);
  }, 2 * PATIENCE);
}
