/** The browser's WebSocket as its user sees it, with a server that the test plays. */
export class FakeWebSocket {
  static readonly OPEN = 1;
  static all: FakeWebSocket[] = [];

  /** The newest. */
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
    if (protocols.some((each) => each.includes(" "))) throw new SyntaxError("that is no sub-protocol");
    FakeWebSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.isLeft = true;
    this.readyState = 3;
  }

  /** The server opens, as it does for everybody. */
  accept(): this {
    this.readyState = 1;
    this.onopen?.();
    return this;
  }

  tell(event: object): this {
    this.onmessage?.({ data: JSON.stringify(event) });
    return this;
  }

  /** Open, and say the first value. */
  welcome(count: number): this {
    return this.accept().tell({ type: "visitor_count", count });
  }

  /** The server closes, or the line is lost. */
  end(code: number, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  fail(): void {
    this.onerror?.(new Event("error"));
    this.end(1006);
  }
}
