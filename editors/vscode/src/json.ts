// Reading JSON whose shape nobody vouches for.
//
// Owns the way from `unknown` to a value of a known type. Must not know what the values mean.
// Invariant: nothing here throws; what is missing or odd is undefined, or empty.

/** What stands at a path; undefined if it does not lead anywhere. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  let here: unknown = value;
  for (const step of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return undefined;
    here = (here as Record<string | number, unknown>)[step];
  }
  return here;
}

export function text(value: unknown, ...path: (string | number)[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

export function number(value: unknown, ...path: (string | number)[]): number {
  const found = at(value, ...path);
  return typeof found === 'number' && Number.isFinite(found) ? found : 0;
}

export function list(value: unknown, ...path: (string | number)[]): unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

export function texts(value: unknown, ...path: (string | number)[]): string[] {
  return list(value, ...path).filter((item): item is string => typeof item === 'string');
}
