/** The server, and the credentials of the user. */
export interface VisitorSocketOptions {
  /** Origin of the server, such as `https://live.example.com`. Default: the origin of the page. */
  baseUrl?: string | undefined;
  /**
   * The access token. Default: `jwt_token` in `localStorage`, read at each connection. `null`: no token; the browser's
   * session cookie is used.
   */
  token?: string | null | undefined;
  /** Gets a new access token after the server has refused an expired one (4004). */
  refreshToken?: (() => Promise<string>) | undefined;
  /** Called with the data of each message that a program sends to the people who are online. */
  onMessage?: ((data: unknown) => void) | undefined;
  /** Called whenever a connection is closed by the server or lost, with the close code and the server's message. */
  onClose?: ((code: number, reason: string) => void) | undefined;
}
