/** Registers the service worker, which sends waiting requests now and when the network is back. */

/** @typedef {ServiceWorkerRegistration & {sync?: {register(tag: string): Promise<void>}}} Registration */

const container = navigator.serviceWorker; // undefined on insecure origins
await container?.register("/sw.js", { type: "module" }).catch(() => {}); // otherwise the next page sends it
const registration = /** @type {Registration | undefined} */ (await container?.getRegistration("/"));

const ask = () => registration?.sync?.register("koyjabo").catch(() => {});

registration?.active?.postMessage("send");
addEventListener("koyjaboWaiting", ask);
