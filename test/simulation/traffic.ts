import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

type Message = { request?: object; socket?: Socket };

/** What the clients of this process have under way, by the diagnostics of Node and undici. */
export class Traffic {
  readonly #requests = new Set<object>();
  readonly #sockets = new Set<Socket>();
  readonly #stalled = new Set<object>();
  readonly #channels: Record<string, (message: unknown) => void> = {
    'undici:request:create': (message) => this.#begin(message),
    'undici:request:trailers': (message) => this.#end(message),
    'undici:request:error': (message) => this.#end(message),
    'http.client.request.start': (message) => this.#begin(message),
    'http.client.response.finish': (message) => this.#end(message),
    'http.client.request.error': (message) => this.#end(message),
    'undici:client:connected': (message) => this.#opened(message),
    'net.client.socket': (message) => this.#opened(message),
  };

  /** Whether a request waits for an answer that is not stalled. */
  get isUnderWay(): boolean {
    return this.#requests.size > this.#stalled.size;
  }

  /** Connections of clients that nobody has closed. */
  get openSockets(): number {
    for (const socket of this.#sockets) if (socket.destroyed) this.#sockets.delete(socket);
    return this.#sockets.size;
  }

  watch(): void {
    for (const [name, see] of Object.entries(this.#channels)) subscribe(name, see);
  }

  unwatch(): void {
    for (const [name, see] of Object.entries(this.#channels)) unsubscribe(name, see);
    this.#requests.clear();
    this.#stalled.clear();
    this.#sockets.clear();
  }

  /** Counts one request as stalled until the returned function is called. */
  stall(): () => void {
    const stalled = {};
    this.#stalled.add(stalled);
    return () => {
      this.#stalled.delete(stalled);
    };
  }

  #begin(message: unknown): void {
    const { request } = message as Message;
    if (request) this.#requests.add(request);
  }

  #end(message: unknown): void {
    const { request } = message as Message;
    if (request) this.#requests.delete(request);
  }

  #opened(message: unknown): void {
    const { socket } = message as Message;
    if (socket) this.#sockets.add(socket);
  }
}
