import type { VisitorSocketOptions } from "./options.js";

const STORED_AS = "jwt_token";

/** The access token of a page, and its renewal. The page's options are read anew each time: they change. */
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

  /** Whether there is another token than the one that was shown last. */
  get areOthers(): boolean {
    return this.#present() !== this.#shown;
  }

  /** See to it that there is another token than the one that was shown last. Rejects as the page's hook does. */
  async renew(): Promise<void> {
    const { refreshToken } = this.#options();
    if (!refreshToken || this.areOthers) return; // the page has another one already
    const replaced = this.#given();
    this.#renewed = await shared(refreshToken);
    this.#replaced = replaced;
  }

  /** A renewed token stands in for the one it replaced, until the page gives another. */
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

/** One renewal at a time for all sockets of a page: a refresh token is good for one call. */
function shared(refreshToken: () => Promise<string>): Promise<string> {
  const already = underWay.get(refreshToken);
  if (already) return already;
  const renewal = refreshToken().finally(() => underWay.delete(refreshToken));
  underWay.set(refreshToken, renewal);
  return renewal;
}

/** A browser that keeps nothing for this page refuses even to be asked. */
function stored(): string | null {
  try {
    return localStorage.getItem(STORED_AS);
  } catch {
    return null;
  }
}
