"use client";

import type { VisitorSocketOptions } from "./options.js";

const STORED_AS = "jwt_token";

/** A page's access token, and its renewal. Reads the page's options every time, because they can change. */
export class Credentials {
  readonly #options: () => VisitorSocketOptions;
  #shown: string | null = null;
  #replaced: string | null = null;
  #renewed: string | null = null;

  constructor(options: () => VisitorSocketOptions) {
    this.#options = options;
  }

  /** The token for a new connection. */
  show(): string | null {
    this.#shown = this.#present();
    return this.#shown;
  }

  get areRenewable(): boolean {
    return this.#options().refreshToken !== undefined;
  }

  /** Whether there is a token other than the last one used. */
  get areOthers(): boolean {
    return this.#present() !== this.#shown;
  }

  /** Get a token other than the last one used. Rejects if the page's hook rejects. */
  async renew(): Promise<void> {
    const { refreshToken } = this.#options();
    if (!refreshToken || this.areOthers) return; // the page already has another token
    const replaced = this.#given();
    this.#renewed = await shared(refreshToken);
    this.#replaced = replaced;
  }

  /** Use the renewed token until the page's options contain another token. */
  #present(): string | null {
    const given = this.#given();
    return this.#renewed !== null && given === this.#replaced ? this.#renewed : given;
  }

  #given(): string | null {
    const { token } = this.#options();
    return token === undefined ? stored() : token;
  }
}

const underWay = new WeakMap<() => Promise<string>, Promise<string>>();

/** Share one renewal between all sockets of a page, because a refresh token is valid for only one call. */
function shared(refreshToken: () => Promise<string>): Promise<string> {
  const already = underWay.get(refreshToken);
  if (already) return already;
  const renewal = refreshToken().finally(() => underWay.delete(refreshToken));
  underWay.set(refreshToken, renewal);
  return renewal;
}

/** Accessing the storage throws if the browser forbids it for this page. */
function stored(): string | null {
  try {
    return localStorage.getItem(STORED_AS);
  } catch {
    return null;
  }
}
