/** Where the server is, and by what the person who looks at the page is known there. */
export interface VisitorSocketOptions {
  /** Origin of the server, as `https://live.example.com`. Without it, that of the page. */
  baseUrl?: string | undefined;
  /**
   * The access token. Without it, what `localStorage` has under `jwt_token` when a connection is made; `null` for none:
   * then the browser's session at the server decides, by its cookie.
   */
  token?: string | null | undefined;
  /** Gets a new access token when the server says that the present one has expired (4004). */
  refreshToken?: (() => Promise<string>) | undefined;
  /** Told at every end of a connection that was not ours: the close code, and the server's sentence for people. */
  onClose?: ((code: number, reason: string) => void) | undefined;
}
