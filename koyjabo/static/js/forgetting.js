/** Has the server forget this browser, and the browser what it was called. */

/** @typedef {import("./koyjabo.js").KoyJabo} KoyJabo */

const OURS = /^(visitorId$|koyjabo\.)/;
const LONGEST_WAIT_S = 30;

/**
 * Ask until it is done: a visitor of very many visits is forgotten piece by piece.
 * @param {KoyJabo} koyjabo  is stopped when it is
 * @returns {Promise<boolean>} whether the server has forgotten; otherwise one may ask again
 */
export async function forget(koyjabo) {
  if (!(await isForgotten(koyjabo.visitorId))) return false;
  const visit = koyjabo.stop();
  if (visit && !(await visit.then(() => isForgotten(koyjabo.visitorId)))) return false; // it has come after all
  for (const area of /** @type {const} */ (["localStorage", "sessionStorage"])) forgetHere(area);
  return true;
}

/** @param {string} visitorId */
async function isForgotten(visitorId) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ visitorId }),
  };
  try {
    let answer = await fetch("/api/visitor/forget", request);
    while (await isToBeAskedAgain(answer)) answer = await fetch("/api/visitor/forget", request);
    return answer.ok;
  } catch {
    return false;
  }
}

/** @param {Response} answer  waits as long as it says */
async function isToBeAskedAgain(answer) {
  if (answer.ok || (await answer.json()).code !== "not_yet_forgotten") return false;
  const waitS = Math.min(Number(answer.headers.get("Retry-After")), LONGEST_WAIT_S);
  await new Promise((resolve) => setTimeout(resolve, 1000 * waitS));
  return true;
}

/** @param {"localStorage" | "sessionStorage"} area */
function forgetHere(area) {
  try {
    const kept = window[area];
    for (const key of Object.keys(kept).filter((key) => OURS.test(key))) kept.removeItem(key);
  } catch {
    // The browser keeps nothing.
  }
}
