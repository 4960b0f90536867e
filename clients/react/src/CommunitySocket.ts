"use client";

import { Backoff } from "./Backoff.js";
import { Credentials } from "./Credentials.js";
import { endingOf, LOST } from "./endings.js";
import type { Ending } from "./endings.js";
import { Heartbeat } from "./Heartbeat.js";
import type { VisitorSocketOptions } from "./options.js";

/** An event from the server. */
export interface CommunityEvent {
  type: string;
  [field: string]: unknown;
}

export interface Listener {
  /** Returns the current options. */
  options(): VisitorSocketOptions;
  onLine(isConnected: boolean): void;
  onEvent(event: CommunityEvent): void;
}

/** A community's WebSocket. It reconnects unless the server has refused the credentials. */
export class CommunitySocket {
  readonly #path: string;
  readonly #listener: Listener;
  readonly #credentials: Credentials;
  readonly #backoff = new Backoff();
  readonly #heartbeat = new Heartbeat();
  readonly #whenSeen = () => document.visibilityState === "visible" && this.#wake();
  readonly #whenOnline = () => this.#wake();
  #socket: WebSocket | null = null;
  #isRefused = false;
  #isRenewing = false;
  #hasRenewed = false; // since the last value: if the new token has expired as well, renewing again is useless
  #isOver = false;

  /** @param path path of the socket on the server, with a leading slash */
  constructor(path: string, listener: Listener) {
    this.#path = path;
    this.#listener = listener;
    this.#credentials = new Credentials(() => listener.options());
  }

  open(): void {
    addEventListener("online", this.#whenOnline);
    document.addEventListener("visibilitychange", this.#whenSeen);
    this.#connect();
  }

  /** Close for good with a close frame, so that the server marks the user as offline at once. */
  close(): void {
    this.#isOver = true;
    removeEventListener("online", this.#whenOnline);
    document.removeEventListener("visibilitychange", this.#whenSeen);
    this.#backoff.reset();
    if (this.#socket) console.log("WebSocket disconnected");
    this.#letGo();
  }

  /** Send a message if the socket is open. */
  say(type: string): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ type }));
  }

  /** Reconnect if the page has a new token and the previous one was refused. Does not affect an open socket. */
  tokenChanged(): void {
    this.#isRefused = false;
    this.#startAfresh();
  }

  /** The page is visible again, or the network is back: check the connection, and reconnect at once if it is lost. */
  #wake(): void {
    if (this.#socket) this.#heartbeat.check();
    else if (!this.#isRefused) this.#startAfresh();
  }

  #startAfresh(): void {
    if (this.#socket || this.#isRenewing) return;
    this.#backoff.reset();
    this.#hasRenewed = false;
    this.#connect();
  }

  #connect(): void {
    try {
      this.#listenTo(this.#newSocket());
    } catch (error) {
      this.#isRefused = true; // by the browser: the URL or the token is invalid for a WebSocket
      console.error("WebSocket error:", error);
    }
  }

  #newSocket(): WebSocket {
    const url = new URL((this.#listener.options().baseUrl ?? location.origin).replace(/\/?$/, this.#path));
    url.protocol = url.protocol.replace("http", "ws");
    const token = this.#credentials.show();
    return token ? new WebSocket(url.href, ["Authorization", token]) : new WebSocket(url.href);
  }

  #listenTo(socket: WebSocket): void {
    this.#socket = socket;
    socket.onopen = () => this.#begin();
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    socket.onerror = (error) => {
      console.error("WebSocket error:", error);
      this.#listener.onLine(false);
    };
    socket.onclose = ({ code, reason }) => this.#end(code, reason);
  }

  #begin(): void {
    console.log("WebSocket connected");
    this.#heartbeat.start(
      () => this.say("ping"),
      () => this.#end(LOST, ""),
    );
    this.#listener.onLine(true);
  }

  #hear(event: CommunityEvent): void {
    this.#heartbeat.heard();
    if (event.type === "pong") console.log("Pong received");
    else this.#take(event);
  }

  /** The server accepts every socket and closes refused ones with a code, so only an event confirms access. */
  #take(value: CommunityEvent): void {
    this.#backoff.reset();
    this.#hasRenewed = false;
    this.#listener.onEvent(value);
  }

  #end(code: number, reason: string): void {
    console.log("WebSocket disconnected");
    this.#letGo();
    this.#listener.onLine(false);
    this.#comeBack(endingOf(code));
    this.#listener.options().onClose?.(code, reason);
  }

  /** Remove the socket's handlers, and close it. */
  #letGo(): void {
    this.#heartbeat.stop();
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onerror = socket.onclose = null;
    socket.close();
  }

  #comeBack(after: Ending): void {
    if (after === "lost") this.#backoff.schedule(() => this.#connect());
    else if (after === "expired" && this.#credentials.areRenewable && !this.#hasRenewed) void this.#renew();
    else this.#isRefused = true;
  }

  async #renew(): Promise<void> {
    this.#hasRenewed = this.#isRenewing = true;
    try {
      await this.#credentials.renew();
    } catch (error) {
      console.error("WebSocket error:", error);
    } finally {
      this.#isRenewing = false;
    }
    if (this.#credentials.areOthers && !this.#isOver) this.#connect();
  }
}
