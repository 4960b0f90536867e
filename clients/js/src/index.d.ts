import { KoyJabo as Module, type Options as ModuleOptions } from "./koyjabo.js";

export { isNewer, type Last, type LineState, type Listener, type PageNumber, type PagesListener, type Receipt, type Stats } from "./koyjabo.js";

export type Options = ModuleOptions & { baseUrl: string };

export declare class KoyJabo extends Module {
  constructor(options: Options);
}
