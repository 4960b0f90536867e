/** The server, and the credentials of the user. */
export interface VisitorSocketOptions {
  /** Origin of the server, as `https://live.example.com`. Without it, that of the page. */
  baseUrl?: string | undefined;
  /**
   * The access token. Without it, what `localStorage` has under `jwt_token` when a connection is made; `null` for none:
   * then the browser's session at the server decides, by its cookie.
   */
  token?: string | null | undefined;
  /** Gets a new access token after the server has refused an expired one (4004). */
  refreshToken?: (() => Promise<string>) | undefined;
  /** Called with the data of each message that a program sends to the people who are online. */
  onMessage?: ((data: unknown) => void) | undefined;
  /** Called whenever a connection is closed by the server or lost, with the close code and the server's message. */
  onClose?: ((code: number, reason: string) => void) | undefined;
}
