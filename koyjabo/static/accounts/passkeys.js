/** Creates passkeys, and logs in with them (WebAuthn). Credentials are sent to the server as form fields. */

import { readJson } from "../webkit/page.js";

/** @param {HTMLFormElement} form  @param {string} name  @param {string} value */
function fill(form, name, value) {
  /** @type {HTMLInputElement} */ (form.elements.namedItem(name)).value = value;
}

/** @param {HTMLFormElement} form */
function showProblem(form) {
  const problem = /** @type {HTMLElement} */ (form.querySelector("[data-problem]"));
  problem.textContent = problem.dataset.failed ?? "";
  problem.hidden = false;
}

/** Submits the form with the result of `ask`. @param {HTMLFormElement} form  @param {() => Promise<unknown>} ask */
async function send(form, ask) {
  try {
    const credential = /** @type {PublicKeyCredential} */ (await ask());
    fill(form, "credential", JSON.stringify(credential.toJSON()));
    form.submit();
  } catch (error) {
    console.warn("Passkey:", error);
    showProblem(form);
  }
}

/** Get options from the server, then the passkey from the browser. @param {HTMLFormElement} form */
async function login(form) {
  const token = /** @type {HTMLInputElement} */ (form.elements.namedItem("token")).value;
  const response = await fetch(form.dataset.passkeyLogin ?? "", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(token ? { token } : {}),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  fill(form, "token", answer.token);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(answer.options);
  return navigator.credentials.get({ publicKey });
}

function create() {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(readJson("options"));
  return navigator.credentials.create({ publicKey });
}

/** @param {HTMLFormElement} form  @param {() => Promise<unknown>} ask */
function offer(form, ask) {
  form.hidden = false;
  /** @type {HTMLElement} */ (form.querySelector("[data-passkey]")).hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(form, ask);
  });
}

if ("PublicKeyCredential" in globalThis && "parseRequestOptionsFromJSON" in PublicKeyCredential) {
  for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll("[data-passkey-login]")))
    offer(form, () => login(form));
  const form = /** @type {HTMLFormElement | null} */ (document.querySelector("[data-new-passkey]"));
  if (form) offer(form, create);
}
