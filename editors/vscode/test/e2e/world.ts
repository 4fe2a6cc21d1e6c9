// What a scenario works with.

import type { Desk } from './desk';
import type { Model, Reply } from './model';
import type { Person } from './person';
import { until } from './until';

export class World {
  constructor(
    readonly desk: Desk,
    readonly model: Model,
    readonly person: Person,
    /** Keeps a picture of the screen under that name. */
    readonly picture: (name: string) => Promise<void>,
    /** Ends the editor and starts it again: somebody who has just sat down. */
    readonly restart: () => Promise<Person>,
  ) {}

  /** Makes a file of the project, and shows it. */
  async file(name: string, text: string): Promise<void> {
    this.desk.write(name, text);
    await this.person.open(name);
    await this.person.sees(text);
  }

  /** The model's call that edits a file. */
  edit(name: string, oldString: string, newString: string): Reply {
    return { call: 'edit', input: { filePath: this.desk.at(name), oldString, newString } };
  }

  bash(command: string): Reply {
    return { call: 'bash', input: { command, description: 'Runs a command' } };
  }

  /** Says something in the chat, and what the model answers. Its turn goes on. */
  async ask(text: string, ...replies: Reply[]): Promise<() => Promise<void>> {
    return this.begin(() => this.person.say(text), ...replies);
  }

  /** The same, by other means than the chat's box. What is returned waits for the turn's end. */
  async begin(ask: () => Promise<void>, ...replies: Reply[]): Promise<() => Promise<void>> {
    // Else the end of a turn before would be taken for this one's.
    await this.person.idle();
    const ends = this.person.chat.locator('.end');
    const before = await ends.count();
    this.model.script(...replies);
    await ask();
    return async () => void (await until('the turn ends', async () => (await ends.count()) > before));
  }

  /** A whole turn. */
  async turn(text: string, ...replies: Reply[]): Promise<void> {
    const end = await this.ask(text, ...replies);
    await end();
    await this.person.focusEditor();
  }
}

/** A thing that the editor does, and the cells of the matrix that it proves, each with how it is done here. */
export interface Scenario {
  name: string;
  cells: Record<string, string>;
  run(world: World): Promise<void>;
}

export function same(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
}

export function has(what: string, text: string, piece: string): void {
  if (!text.includes(piece)) throw new Error(`${what} lacks ${JSON.stringify(piece)}: ${text.slice(-3000)}`);
}
