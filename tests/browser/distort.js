/** Distorts interfaces of a window, before its scripts run (matrix/browser.py). */
(surfaces) => {
  if (parent !== self && location.href === "about:blank") return; // see `another`
  const LATE_MS = 1_500;
  const forever = new Promise(() => {});
  const isFunction = (value) => typeof value === "function";
  const late = (call, ...given) => setTimeout(call, LATE_MS, ...given);

  const refusal = (name) => Object.assign(new Error("refused by a test"), { name }); // a DOMException has no stack
  const fail = (name) => {
    throw refusal(name);
  };
  const failed = (name) => {
    const error = refusal(name), result = Promise.reject(error);
    result.catch(() => {});
    return Object.defineProperty(result, "onerror", { set: (call) => setTimeout(call, 0, error) });
  };

  /** What never answers: it can be called and awaited. */
  const silent = new Proxy({}, {
    get: (_, name) => (name === "finished" ? forever : typeof name === "symbol" ? undefined : name === "matches" ? false : () => silent),
    set: () => true,
  });

  /** An interface whose calls are made by `act`. Reading a value of a store is also a call, if `isRead`. */
  function calling(real, act, isRead = true, construct = act) {
    const call = (self, method) => (...given) => act(() => Reflect.apply(method, self, given));
    if (isFunction(real)) return new Proxy(real, {
      apply: (_, self, given) => call(self === undefined ? window : self, real)(...given),
      construct: (_, given) => construct(() => Reflect.construct(real, given)),
    });
    const isStore = real instanceof Storage;
    return new Proxy(real, {
      get(_, name) {
        const value = Reflect.get(real, name);
        if (isFunction(value) && /^[A-Z]/.test(name)) return calling(value, act, isRead, construct); // a constructor of Intl
        if (isFunction(value)) return call(real, value);
        return isStore && isRead ? act(() => value) : value;
      },
      set: (_, name, value) => (isStore ? act(() => Reflect.set(real, name, value)) : Reflect.set(real, name, value), true),
      deleteProperty: (_, name) => (isRead ? act(() => delete real[name]) : delete real[name], true),
      ownKeys: () => (isStore && isRead ? act(() => Reflect.ownKeys(real)) : Reflect.ownKeys(real)) ?? [],
      getOwnPropertyDescriptor: (_, name) => Reflect.getOwnPropertyDescriptor(real, name),
    });
  }

  /** What answers late: a promise, or the events of a request or a connection. */
  const delayed = (result) =>
    isFunction(result?.then) ? new Promise((then, or) => result.then((value) => late(then, value), (error) => late(or, error))) :
    result instanceof EventTarget ? new Proxy(result, {
      get: (_, name) => (isFunction(result[name]) ? result[name].bind(result) : result[name]),
      set: (_, name, call) => ((result[name] = /^on(?!upgrade)/.test(name) ? (event) => late(call, event) : call), true),
    }) : result;

  /** @type {Window | undefined} */
  let frame;
  const otherWindow = () => {
    if (!frame?.parent) frame = document.documentElement.appendChild(Object.assign(document.createElement("iframe"), { hidden: true })).contentWindow;
    return frame;
  };
  const isStore = (name) => /Storage$/.test(name);
  const VALUES = { hidden: true, prerendering: false, userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", webdriver: true, platform: "MacIntel", onLine: false };

  /** What another tab of the browser has, or another window of the page. */
  function another(real, name, path) {
    if (isStore(name)) late(() => real.clear());
    else if (name === "indexedDB") self.kept = real.open("koyjabo.waiting", 9);
    else if (name === "locks") real.request("koyjabo.waiting", () => forever);
    else if (name in VALUES) return () => VALUES[name];
    else return () => path.reduce((owner, part) => owner[part], otherWindow());
    return () => real;
  }

  const DISTORTIONS = {
    null: () => () => null,
    read: () => () => fail("SecurityError"),
    called: (real) => () => calling(real, () => fail("SecurityError")),
    never: (real, name) => () => calling(real, () => (isStore(name) ? undefined : silent)),
    late(real, _, __, isAnswering) {
      if (isAnswering) return () => (real ? calling(real, (act) => delayed(act())) : real);
      const loadedMs = performance.now();
      return () => (performance.now() - loadedMs < LATE_MS ? undefined : real);
    },
    full(real, _, __, isAnswering) {
      const refuse = () => fail("QuotaExceededError");
      return () => calling(real, isAnswering ? () => failed("QuotaExceededError") : refuse, false, refuse);
    },
    another,
  };

  for (const { paths, distortion, isAnswering } of surfaces) for (const path of paths) {
    const parts = path.split("."), name = parts.at(-1), owner = parts.slice(0, -1).reduce((whole, part) => whole[part], window);
    try {
      if (distortion === "absent") {
        let holder = owner;
        while (holder && !Object.hasOwn(holder, name)) holder = Object.getPrototypeOf(holder);
        if (holder) delete holder[name];
      } else {
        const real = owner[name];
        if (real === undefined || real === null) continue; // insecure pages have no clipboard
        const get = DISTORTIONS[distortion](real, name, parts, isAnswering);
        Object.defineProperty(owner, name, { configurable: true, get, set() {} });
      }
    } catch {
      // A sandboxed frame refuses it already.
    }
  }
}
