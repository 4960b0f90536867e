/** Registers the service worker, and asks it to send what waits: now, and when the network is back. Loaded after the page. */

/** @typedef {ServiceWorkerRegistration & {sync?: {register(tag: string): Promise<void>}}} Registration */

const container = navigator.serviceWorker; // none where the address is not secure
await container?.register("/sw.js", { type: "module" }).catch(() => {}); // or the next page sends it
const registration = /** @type {Registration | undefined} */ (await container?.getRegistration("/"));

const ask = () => registration?.sync?.register("koyjabo").catch(() => {});

registration?.active?.postMessage("send");
addEventListener("koyjaboWaiting", ask);
