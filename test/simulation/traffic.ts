import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** A request of a client, as the diagnostics of Node and undici show it. */
interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly origin?: string;
}

type Message = { request?: Sent; socket?: Socket };

/** Which request of which server is held. */
export interface Held {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  /** Where requests of one path can be under way at once. */
  readonly query?: URLSearchParams;
  readonly origin: string;
}

/** What the clients of this process have under way, by the diagnostics of Node and undici. */
export class Traffic {
  /** Connections that a client opens to one server. */
  connections = Number.POSITIVE_INFINITY;
  /** Those that are under way, and whether they have left. */
  readonly #requests = new Map<Sent, boolean>();
  /** Those that wait for time to pass; called when one ends. */
  readonly #held = new Map<Sent, () => void>();
  readonly #sockets = new Set<Socket>();
  readonly #stalled = new Set<object>();
  readonly #channels: Record<string, (message: unknown) => void> = {
    'undici:request:create': (message) => this.#begin(message),
    'undici:client:sendHeaders': (message) => this.#send(message),
    'undici:request:trailers': (message) => this.#end(message),
    'undici:request:error': (message) => this.#end(message),
    'http.client.request.start': (message) => this.#begin(message),
    'http.client.response.finish': (message) => this.#end(message),
    'http.client.request.error': (message) => this.#end(message),
    'undici:client:connected': (message) => this.#opened(message),
    'net.client.socket': (message) => this.#opened(message),
  };

  /** Whether a request waits for an answer that can come without that time passes. */
  get isUnderWay(): boolean {
    let moving = 0;
    for (const [request, hasLeft] of this.#requests) {
      if (!this.#held.has(request) && (hasLeft || !this.#isQueued(request))) moving += 1;
    }
    return moving > this.#stalled.size;
  }

  /** Whether a request is held. */
  get isHolding(): boolean {
    return this.#held.size > 0;
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
    this.#held.clear();
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

  /**
   * Holds a request that a server has got, until the returned function is called.
   * @param left called when its client gives it up
   */
  hold({ method, path, query, origin }: Held, left: () => void): () => void {
    for (const request of this.#requests.keys()) {
      const [ownPath, ownQuery = ''] = request.path?.split('?') ?? [];
      const isSame =
        ownPath === path && (!query || new URLSearchParams(ownQuery).toString() === query.toString());
      const isIt = request.method === method && request.origin === origin && isSame;
      if (!isIt || this.#held.has(request)) continue;
      this.#held.set(request, left);
      return () => {
        this.#held.delete(request);
      };
    }
    left();
    return () => undefined;
  }

  /** Whether all connections to its server are taken by held requests. */
  #isQueued({ origin }: Sent): boolean {
    if (origin === undefined) return false;
    const held = [...this.#held.keys()].filter((other) => other.origin === origin);
    return held.length >= this.connections;
  }

  #begin(message: unknown): void {
    const { request } = message as Message;
    if (request) this.#requests.set(request, false);
  }

  #send(message: unknown): void {
    const { request } = message as Message;
    if (request && this.#requests.has(request)) this.#requests.set(request, true);
  }

  #end(message: unknown): void {
    const { request } = message as Message;
    if (!request) return;
    this.#requests.delete(request);
    const left = this.#held.get(request);
    this.#held.delete(request);
    left?.();
  }

  #opened(message: unknown): void {
    const { socket } = message as Message;
    if (socket) this.#sockets.add(socket);
  }
}
