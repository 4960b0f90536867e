/** Prints what the client does. Our home page loads it, and elements with `data-debug` do; other pages stay silent. */

/** @typedef {import("./koyjabo.js").Stats} Stats */

export const lines = {
  isNotCounted: () => console.log("This browser is not counted (KoyJabo.doNotCount)"),
  isFirst: () => console.log("🆕 First visit in this session - registering with backend..."),
  isRegistered: () => console.log("✅ Visit registered with backend"),
  isConnected: () => console.log("Connected to KoyJabo Analytics Stream"),
  /** @param {Stats} stats  @param {boolean} isFallback  whether registering has failed */
  isSynced: ({ totalVisits, todayVisits, activeUsers }, isFallback) =>
    console.log(`📊 Backend sync - Total: ${totalVisits}, Today: ${todayVisits}, Active: ${activeUsers}${isFallback ? " [from GET fallback]" : ""}`),
  /** @param {number} status */
  isRefused: (status) => console.warn(`⚠️ Failed to register visit with backend, status: ${status}`),
  /** @param {unknown} error */
  hasFailed: (error) => console.error("❌ Error registering visit:", error),
  /** @param {string} error  @param {object} body */
  isDropped: (error, body) => console.warn("Not counted:", error, body),
  /** @param {string} error */
  isNotShown: (error) => console.warn("Not shown:", error),
};

const shared = (/** @type {any} */ (globalThis)[Symbol.for("koyjabo")] ??= { viewed: {} }); // as in client/shared.js
shared.lines = lines;
