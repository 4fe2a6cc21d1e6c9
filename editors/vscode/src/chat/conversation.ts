// One session as the chat shows it, made of the server's events.
//
// Pure. Owns the order of the items and what each event does to them. Must not know VS Code, the page, or the connection.
// Invariant: an item never moves; the same events make the same items, whether they come live or from the store.

import { at, list, number, text, texts } from '../json';
import { dollars, plain, relative, subject, tokens } from '../words';
import type { Foot, Item, Question, Reply, Todo } from './items';

/** Longest text of a tool's result that is shown. */
const DETAIL = 2000;

/** Tools that may have changed files without telling which. */
const MAY_CHANGE = new Set(['bash', 'task', 'apply_patch']);

export class Conversation {
  items: Item[] = [];
  title = '';
  cost = 0;
  foot: Foot = { busy: false, model: '', agent: '', status: '' };
  /** Indices of the items that were changed since they were last taken. */
  private changed = new Set<number>();
  private places = new Map<string, number>();
  private users = new Set<string>();
  private ofMessage = new Map<string, number[]>();
  private turn = '';
  private turnChanged = false;

  constructor(
    readonly session: string,
    private readonly root: string,
  ) {}

  /** The items that changed since the last call. */
  take(): [number, Item][] {
    const taken = [...this.changed].sort((a, b) => a - b).flatMap((index): [number, Item][] => {
      const item = this.items[index];
      return item === undefined ? [] : [[index, item]];
    });
    this.changed.clear();
    return taken;
  }

  /** What was said before, from the store. */
  load(messages: unknown[]): void {
    for (const message of messages) {
      this.message(at(message, 'info'));
      for (const part of list(message, 'parts')) this.part(part, text(message, 'info', 'id'));
    }
    this.stop();
  }

  /** The server ended. What ran in it is over; the session is kept. */
  interrupted(): void {
    if (this.foot.busy) this.note('Interline ended in the middle of this turn. Its log says more; your next message goes on from here.', 'error');
    this.stop();
  }

  /** Whatever ran or waited does not any more. */
  private stop(): void {
    for (const [index, item] of this.items.entries()) {
      if (item.kind === 'tool' && (item.status === 'running' || item.status === 'pending')) this.put(index, { ...item, status: 'error' });
      else if (item.kind === 'permission' && item.reply === '') this.put(index, { ...item, reply: 'reject' });
      else if (item.kind === 'question' && !item.settled) this.put(index, { ...item, settled: true });
    }
    this.foot = { ...this.foot, busy: false, status: '' };
  }

  /** A line that is no part of the session. */
  note(words: string, tone: 'info' | 'error' = 'info'): void {
    this.add({ kind: 'note', text: words, tone });
  }

  /** The question that waits, if one does. */
  waitingQuestion(): Extract<Item, { kind: 'question' }> | undefined {
    return this.items.find((item): item is Extract<Item, { kind: 'question' }> => item.kind === 'question' && !item.settled);
  }

  /** An event of this session, or of one of its subagents' where it asks something. */
  apply(type: string, properties: unknown): void {
    switch (type) {
      case 'session.created':
      case 'session.updated':
        this.title = text(properties, 'info', 'title');
        this.cost = number(properties, 'info', 'cost');
        break;
      case 'session.status': {
        const status = text(properties, 'status', 'type');
        const retry = status === 'retry' ? plain(text(properties, 'status', 'message')) : '';
        this.foot = { ...this.foot, busy: status !== 'idle', status: retry };
        break;
      }
      case 'session.idle':
        this.ended(properties);
        break;
      case 'session.error':
        this.note(text(properties, 'error', 'data', 'message'), 'error');
        break;
      case 'session.notice':
        this.note(text(properties, 'message'));
        break;
      case 'session.compacted':
        this.note('The conversation so far was summarised.');
        break;
      case 'message.updated':
        this.message(at(properties, 'info'));
        break;
      case 'message.removed':
        this.remove(text(properties, 'messageID'));
        break;
      case 'message.part.updated':
        this.part(at(properties, 'part'), text(properties, 'part', 'messageID'));
        break;
      case 'message.part.delta':
        this.delta(text(properties, 'partID'), text(properties, 'delta'));
        break;
      case 'permission.asked':
        this.asked(properties);
        break;
      case 'permission.replied':
        this.replied(text(properties, 'requestID'), text(properties, 'reply'));
        break;
      case 'question.asked':
        this.question(properties);
        break;
      case 'question.replied':
        this.answered(text(properties, 'requestID'), list(properties, 'answers').map((answer) => texts(answer)));
        break;
      case 'question.rejected':
        this.answered(text(properties, 'requestID'), []);
        break;
      default:
        // An event of a newer server says nothing to us.
        break;
    }
  }

  private message(info: unknown): void {
    const id = text(info, 'id');
    if (text(info, 'role') === 'user') {
      this.users.add(id);
      this.turn = id;
      this.turnChanged = false;
      const model = `${text(info, 'model', 'providerID')}/${text(info, 'model', 'modelID')}`;
      this.foot = { ...this.foot, model: model === '/' ? this.foot.model : model, agent: text(info, 'agent') || this.foot.agent };
    } else if (text(info, 'role') === 'assistant') {
      const model = `${text(info, 'providerID')}/${text(info, 'modelID')}`;
      this.foot = { ...this.foot, model: model === '/' ? this.foot.model : model };
    }
  }

  private part(part: unknown, message: string): void {
    const id = text(part, 'id');
    const words = text(part, 'text');
    switch (text(part, 'type')) {
      case 'text':
        if (at(part, 'synthetic') === true) return;
        if (this.users.has(message)) this.set(id, message, { kind: 'user', text: words });
        else this.set(id, message, { kind: 'text', text: words });
        break;
      case 'reasoning':
        this.set(id, message, { kind: 'reasoning', text: words });
        break;
      case 'tool': {
        const todos = text(part, 'tool') === 'todowrite' ? list(part, 'state', 'metadata', 'todos') : [];
        if (todos.length > 0) this.todos(id, message, todos.map(todo));
        else this.set(id, message, this.tool(text(part, 'tool'), at(part, 'state')));
        break;
      }
      case 'compaction':
        this.set(id, message, { kind: 'note', text: 'The conversation so far was summarised.', tone: 'info' });
        break;
      default:
        break;
    }
  }

  private tool(tool: string, state: unknown): Item {
    const status = text(state, 'status');
    const input = at(state, 'input');
    const named = ['filePath', 'command', 'pattern', 'path', 'description', 'url', 'name'].map((key) => text(input, key)).find((word) => word !== '');
    const title = plain(relative(text(state, 'title') || named || '', this.root), 160);
    const diff = text(state, 'metadata', 'diff');
    if (status === 'completed' && (diff !== '' || MAY_CHANGE.has(tool))) this.turnChanged = true;
    const detail = status === 'error' ? text(state, 'error') : tool === 'bash' ? text(state, 'metadata', 'output') : '';
    return {
      kind: 'tool', tool, title, diff,
      detail: detail.length > DETAIL ? `…${detail.slice(-DETAIL)}` : detail,
      status: status === 'running' || status === 'completed' || status === 'error' ? status : 'pending',
    };
  }

  /** The list as it is now; the ones before it are folded. */
  private todos(id: string, message: string, todos: Todo[]): void {
    for (const [index, item] of this.items.entries()) if (item.kind === 'todos' && item.newest) this.put(index, { ...item, newest: false });
    this.set(id, message, { kind: 'todos', todos, newest: true });
  }

  private delta(id: string, words: string): void {
    const index = this.places.get(id);
    const item = index === undefined ? undefined : this.items[index];
    if (index !== undefined && (item?.kind === 'text' || item?.kind === 'reasoning')) this.put(index, { ...item, text: item.text + words });
  }

  private asked(request: unknown): void {
    const permission = text(request, 'permission');
    const title = text(request, 'metadata', 'title') || texts(request, 'patterns').join(', ');
    const always = texts(request, 'always').join(', ');
    this.set(text(request, 'id'), '', {
      kind: 'permission', id: text(request, 'id'), permission, title: subject(permission, title), diff: text(request, 'metadata', 'diff'),
      always: always === '*' ? `every ${permission} in this project` : plain(always), reply: '',
    });
  }

  private replied(id: string, reply: string): void {
    const index = this.places.get(id);
    const item = index === undefined ? undefined : this.items[index];
    const known = reply === 'once' || reply === 'always' || reply === 'reject';
    if (index !== undefined && item?.kind === 'permission' && known) this.put(index, { ...item, reply: reply satisfies Reply });
  }

  private question(request: unknown): void {
    this.set(text(request, 'id'), '', { kind: 'question', id: text(request, 'id'), questions: questions(request), answers: [], settled: false });
  }

  private answered(id: string, answers: string[][]): void {
    const index = this.places.get(id);
    const item = index === undefined ? undefined : this.items[index];
    if (index !== undefined && item?.kind === 'question') this.put(index, { ...item, answers, settled: true });
  }

  private ended(properties: unknown): void {
    const reason = text(properties, 'reason');
    const words = [reason === 'done' || reason === '' ? '' : reason.replace(/^(limit|budget|refused|error): /, '')];
    const used = at(properties, 'usage', 'tokens');
    const sum = number(used, 'input') + number(used, 'output') + number(used, 'reasoning') + number(used, 'cache', 'read') + number(used, 'cache', 'write');
    if (sum > 0) words.push(`${tokens(sum)} tokens`);
    const cost = number(properties, 'usage', 'cost');
    if (cost > 0) words.push(dollars(cost));
    const session = number(properties, 'usage', 'sessionCost');
    if (session > 0) this.cost = session;
    this.foot = { ...this.foot, busy: false, status: '' };
    const line = words.filter((word) => word !== '').join(' · ');
    // A turn that changed nothing and says nothing of its end needs no line.
    if (line !== '' || this.turnChanged) this.add({ kind: 'end', text: line, turn: this.turn, changed: this.turnChanged });
  }

  private remove(message: string): void {
    for (const index of this.ofMessage.get(message) ?? []) this.put(index, { kind: 'note', text: '', tone: 'info' });
    this.ofMessage.delete(message);
  }

  private set(id: string, message: string, item: Item): void {
    const index = this.places.get(id);
    if (index !== undefined) return this.put(index, item);
    this.places.set(id, this.items.length);
    const of = this.ofMessage.get(message);
    if (of === undefined) this.ofMessage.set(message, [this.items.length]);
    else of.push(this.items.length);
    this.add(item);
  }

  private add(item: Item): void {
    this.changed.add(this.items.length);
    this.items.push(item);
  }

  private put(index: number, item: Item): void {
    this.items[index] = item;
    this.changed.add(index);
  }
}

function todo(value: unknown): Todo {
  const status = text(value, 'status');
  return { text: text(value, 'content'), status: status === 'in_progress' || status === 'completed' || status === 'cancelled' ? status : 'pending' };
}

/** The questions of a request, as they are shown. */
export function questions(request: unknown): Question[] {
  return list(request, 'questions').map((question) => ({
    question: text(question, 'question'),
    multiple: at(question, 'multiple') === true,
    choices: list(question, 'options').map((option) => ({ label: text(option, 'label'), description: text(option, 'description') })),
  }));
}
