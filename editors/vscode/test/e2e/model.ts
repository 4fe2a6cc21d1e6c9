// A model that says what a scenario has written down: Chat Completions over HTTP on the loopback interface.
//
// Must not know who asks. Invariant: a request that nothing was written down for is answered with an error, never left open.

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { at, list } from '../../src/json';
import { until } from './until';

export type Reply =
  | { say: string }
  | { call: string; input: Record<string, unknown> }
  /** Words in two parts; the second comes when the scenario lets it. */
  | { say: string; then: Promise<string> }
  /** Words, and then nothing until the other side goes. */
  | { say: string; hang: true }
  /** No answer, but an error with these words. */
  | { refuse: string };

export class Model {
  /** The messages of each request, as text. Side jobs without tools do not count. */
  readonly requests: string[] = [];
  /** Answers whose reader went before their end. */
  left = 0;
  private readonly replies: Reply[] = [];
  private constructor(private readonly server: Server) {}

  static async start(): Promise<Model> {
    const server = createServer();
    const model = new Model(server);
    server.on('request', (request, response) => void model.answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return model;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  script(...replies: Reply[]): void {
    this.replies.push(...replies);
  }

  /** The next request's messages, after `before` others. */
  async request(before: number): Promise<string> {
    return until(`request ${before + 1} of the model`, () => this.requests[before]);
  }

  /** What the scenario before left over is not said in the next one. */
  clear(): void {
    this.replies.length = 0;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request);
    let reply: Reply | undefined = { say: 'A title' };
    if (Array.isArray(at(body, 'tools'))) {
      this.requests.push(JSON.stringify(list(body, 'messages').slice(1)));
      reply = this.replies.shift();
    }
    if (reply === undefined) {
      response.writeHead(400).end('nothing more is in the script\n');
      return;
    }
    if ('refuse' in reply) {
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message: reply.refuse } }));
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const chunk = (delta: unknown, finish: string | null = null): void => {
      response.write(`data: ${JSON.stringify({ id: '1', object: 'chat.completion.chunk', model: 'test', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
    };
    if ('call' in reply) {
      const call = { index: 0, id: `call_${this.requests.length}`, type: 'function', function: { name: reply.call, arguments: JSON.stringify(reply.input) } };
      chunk({ role: 'assistant', tool_calls: [call] });
      chunk({}, 'tool_calls');
    } else {
      chunk({ role: 'assistant', content: reply.say });
      if ('hang' in reply) {
        response.on('close', () => this.left++);
        return;
      }
      if ('then' in reply) chunk({ content: await reply.then });
      chunk({}, 'stop');
      const usage = { prompt_tokens: 1000, completion_tokens: 200, prompt_tokens_details: { cached_tokens: 500 } };
      response.write(`data: ${JSON.stringify({ choices: [], usage })}\n\n`);
    }
    response.end('data: [DONE]\n\n');
  }
}

async function read(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const piece of request) text += String(piece);
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
