"use client";

/** The server, the user's credentials, and callbacks. */
export interface VisitorSocketOptions {
  /** The server's origin, such as `https://live.example.com`. Default: the page's origin. */
  baseUrl?: string | undefined;
  /**
   * The access token. Default: `jwt_token` in `localStorage`, read for each connection. `null`: no token; the browser's
   * session cookie is used.
   */
  token?: string | null | undefined;
  /** Gets a new access token after the server has refused an expired one (4004). */
  refreshToken?: (() => Promise<string>) | undefined;
  /** Called with the data of each message that a program sends to the people online. */
  onMessage?: ((data: unknown) => void) | undefined;
  /** Called whenever the server closes the connection or it is lost, with the close code and the server's message. */
  onClose?: ((code: number, reason: string) => void) | undefined;
}
