// What the chat shows, as plain data that can be posted to the view.
//
// Must not hold anything but JSON: it crosses from the extension to the page.

/** A choice of a question. */
export interface Choice {
  label: string;
  description: string;
}

/** One of the questions that are asked at once. */
export interface Question {
  question: string;
  choices: Choice[];
  multiple: boolean;
}

/** A point of the agent's list of what is to be done. */
export interface Todo {
  text: string;
  status: 'pending' | 'in_progress' | 'completed' | 'cancelled';
}

/** What "always" and the other answers are called on the wire; empty while nobody has answered. */
export type Reply = '' | 'once' | 'always' | 'reject';

/** One thing in the conversation, from the top to the bottom. */
export type Item =
  | { kind: 'user'; text: string }
  | { kind: 'text'; text: string }
  | { kind: 'reasoning'; text: string }
  | { kind: 'tool'; tool: string; title: string; status: 'pending' | 'running' | 'completed' | 'error'; detail: string; diff: string }
  | { kind: 'todos'; todos: Todo[]; newest: boolean }
  | { kind: 'note'; text: string; tone: 'info' | 'error' }
  | { kind: 'permission'; id: string; title: string; permission: string; diff: string; always: string; reply: Reply }
  | { kind: 'question'; id: string; questions: Question[]; answers: string[][]; settled: boolean }
  | { kind: 'end'; text: string; turn: string; changed: boolean };

/** What stands below the conversation. */
export interface Foot {
  busy: boolean;
  model: string;
  agent: string;
  status: string;
}

/** One way to go on with what is being typed. */
export interface Suggestion {
  label: string;
  detail: string;
}

/** From the extension to the page. */
export type ToPage =
  | { type: 'reset'; items: Item[]; foot: Foot }
  | { type: 'update'; items: [number, Item][]; length: number; foot: Foot }
  | { type: 'suggest'; token: number; suggestions: Suggestion[] }
  | { type: 'draft'; text: string };

/** From the page to the extension. */
export type FromPage =
  | { type: 'ready' }
  | { type: 'send'; text: string }
  | { type: 'cancel' }
  | { type: 'model' }
  | { type: 'agent' }
  | { type: 'permit'; id: string; reply: Exclude<Reply, ''>; message: string }
  | { type: 'answer'; id: string; answers: string[][] }
  | { type: 'complete'; token: number; before: string }
  | { type: 'review'; turn: string }
  | { type: 'undo'; turn: string };
