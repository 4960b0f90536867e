/** Prints what the client does. Our home page loads it, and elements with `data-debug` do; other pages stay silent. */

/** @typedef {import("./koyjabo-client.3.js").Stats} Stats */

export const lines = {
  off: () => console.log("This browser is not counted (KoyJabo.doNotCount)"),
  first: () => console.log("🆕 First visit in this session - registering with backend..."),
  counted: () => console.log("✅ Visit registered with backend"),
  connected: () => console.log("Connected to KoyJabo Analytics Stream"),
  /** @param {Stats} stats  @param {boolean} isFallback  whether registering has failed */
  synced: ({ totalVisits, todayVisits, activeUsers }, isFallback) =>
    console.log(`📊 Backend sync - Total: ${totalVisits}, Today: ${todayVisits}, Active: ${activeUsers}${isFallback ? " [from GET fallback]" : ""}`),
  /** @param {number} status */
  refused: (status) => console.warn(`⚠️ Failed to register visit with backend, status: ${status}`),
  /** @param {unknown} error */
  failed: (error) => console.error("❌ Error registering visit:", error),
  /** @param {string} error  @param {object} body */
  dropped: (error, body) => console.warn("Not counted:", error, body),
  /** @param {string} name  @param {string | null} choice */
  chosen: (name, choice) => /^\s*(true|false|)\s*$/i.test(choice ?? "") || console.warn(`${name}: use true or false, not "${choice}"`),
  /** @param {string} error */
  hidden: (error) => console.warn("Not shown:", error),
};

const shared = (/** @type {any} */ (globalThis).koyjaboShared ??= {}); // as in client/shared.js
shared.lines = lines;
