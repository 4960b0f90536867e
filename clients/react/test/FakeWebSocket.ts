/** A fake of the browser's WebSocket. The test acts as the server. */
export class FakeWebSocket {
  static readonly OPEN = 1;
  static all: FakeWebSocket[] = [];

  /** The most recently opened socket. */
  static get last(): FakeWebSocket {
    const last = this.all.at(-1);
    if (!last) throw new Error("no WebSocket was opened");
    return last;
  }

  readonly sent: unknown[] = [];
  readyState = 0;
  isLeft = false;
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onerror: ((error: Event) => void) | null = null;
  onclose: ((end: { code: number; reason: string }) => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocols: string[] = [],
  ) {
    if (protocols.some((protocol) => protocol.includes(" "))) throw new SyntaxError("that is no sub-protocol");
    FakeWebSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.isLeft = true;
    this.readyState = 3;
  }

  /** Accept the connection, as the server does with every socket. */
  accept(): this {
    this.readyState = 1;
    this.onopen?.();
    return this;
  }

  tell(event: object): this {
    this.onmessage?.({ data: JSON.stringify(event) });
    return this;
  }

  /** Accept the connection, and send the first event. */
  welcome(count: number): this {
    return this.accept().tell({ type: "visitor_count", count });
  }

  /** Close the socket as the server would, or lose the connection. */
  end(code: number, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  fail(): void {
    this.onerror?.(new Event("error"));
    this.end(1006);
  }
}
