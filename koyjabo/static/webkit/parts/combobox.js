/** Makes a long `<select>` searchable by typing (ARIA: editable combobox). The hidden `<select>` holds the value. */

import { make } from "../page.js";

/** @param {string} text  @returns {string} in lower case and without diacritics, for searching */
const plain = (text) => text.normalize("NFKD").replace(/\p{Diacritic}/gu, "").toLowerCase().trim();

/** @param {HTMLOptionElement} option */
const nameOf = (option) => option.dataset.name ?? option.text;

class Combobox {
  #select;
  #input;
  #list;
  #nothing;
  #at = -1;
  #shown = /** @type {HTMLOptionElement[]} */ ([]);

  /** @param {HTMLElement} part  that contains the select */
  constructor(part) {
    this.#select = /** @type {HTMLSelectElement} */ (part.querySelector("select"));
    this.#nothing = part.dataset.nothing ?? "";
    const id = this.#select.id;
    const attributes = { id, type: "text", role: "combobox", "aria-controls": `${id}-choices`, "aria-expanded": "false", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false" };
    this.#input = /** @type {HTMLInputElement} */ (make("input", attributes));
    for (const name of ["aria-describedby", "aria-invalid"]) {
      const value = this.#select.getAttribute(name);
      if (value) this.#input.setAttribute(name, value);
    }
    this.#list = make("ul", { id: `${id}-choices`, class: "items", role: "listbox", "aria-label": part.querySelector("label")?.textContent ?? "" });
    this.#build();
    this.#listen();
  }

  #build() {
    const place = make("div", { class: "combobox" });
    this.#select.before(place);
    this.#select.removeAttribute("id");
    this.#select.hidden = true;
    this.#list.hidden = true;
    place.append(this.#input, this.#list);
    this.#write();
  }

  #listen() {
    this.#input.addEventListener("input", () => this.#open(this.#input.value));
    this.#input.addEventListener("focus", () => this.#input.select());
    this.#input.addEventListener("click", () => this.#open(""));
    this.#input.addEventListener("keydown", (event) => this.#press(event));
    this.#input.addEventListener("blur", () => this.#leave());
    this.#list.addEventListener("mousedown", (event) => event.preventDefault()); // keeps the focus in the field
    this.#list.addEventListener("click", (event) => {
      const choice = /** @type {Element} */ (event.target).closest("[role=option]");
      if (choice) this.#choose([...this.#list.children].indexOf(choice));
    });
  }

  /** Shows the name of the chosen value. The first choice means all and is the placeholder. */
  #write() {
    const option = this.#select.selectedOptions[0];
    this.#input.placeholder = this.#select.options[0].text;
    this.#input.value = this.#select.value && option ? nameOf(option) : "";
  }

  /** @param {string} typed */
  #open(typed) {
    const search = plain(typed);
    this.#shown = [...this.#select.options].filter((option) => plain(nameOf(option)).includes(search));
    this.#list.replaceChildren(...this.#shown.map((option, at) => this.#row(option, at)));
    if (!this.#shown.length) this.#list.append(make("li", { class: "quiet" }, this.#nothing));
    this.#list.hidden = false;
    this.#input.setAttribute("aria-expanded", "true");
    this.#mark(typed && this.#shown.length ? 0 : -1);
  }

  /** @param {HTMLOptionElement} option  @param {number} at */
  #row(option, at) {
    const row = make("li", { id: `${this.#list.id}-${at}`, role: "option", "aria-selected": "false" }, make("bdi", {}, nameOf(option)));
    if (option.dataset.count) row.append(make("span", { class: "number" }, option.dataset.count));
    return row;
  }

  /** @param {number} at  index in the list; -1 for none */
  #mark(at) {
    this.#at = at;
    for (const [index, row] of [...this.#list.children].entries()) {
      row.setAttribute("aria-selected", String(index === at));
      if (index === at) row.scrollIntoView({ block: "nearest" });
    }
    if (at < 0) this.#input.removeAttribute("aria-activedescendant");
    else this.#input.setAttribute("aria-activedescendant", `${this.#list.id}-${at}`);
  }

  #close() {
    this.#list.hidden = true;
    this.#input.setAttribute("aria-expanded", "false");
    this.#mark(-1);
  }

  /** @param {number} at */
  #choose(at) {
    this.#select.value = this.#shown[at].value;
    this.#select.dispatchEvent(new Event("change", { bubbles: true }));
    this.#write();
    this.#close();
  }

  /** An empty field means all. Text typed without making a choice is discarded. */
  #leave() {
    if (!this.#input.value && this.#select.value) this.#select.value = "";
    this.#write();
    this.#close();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const isOpen = !this.#list.hidden, count = this.#shown.length;
    if (event.key === "Enter" && isOpen && this.#at >= 0) this.#choose(this.#at);
    else if (event.key === "Escape" && isOpen) {
      this.#write();
      this.#close();
    }
    else if (event.key === "ArrowDown" && !isOpen) this.#open("");
    else if (event.key === "ArrowDown" && count) this.#mark((this.#at + 1) % count);
    else if (event.key === "ArrowUp" && isOpen && count) this.#mark((this.#at <= 0 ? count : this.#at) - 1);
    else if (event.key === "Enter") return this.#leave(); // the form is submitted with the typed text
    else return;
    event.preventDefault();
  }
}

for (const part of document.querySelectorAll("[data-combobox]")) new Combobox(/** @type {HTMLElement} */ (part));
