/** Angular, which binds properties. Its templates are compiled in the browser. */
import "@angular/compiler";
import { Component, CUSTOM_ELEMENTS_SCHEMA, provideZonelessChangeDetection, signal } from "@angular/core";
import { bootstrapApplication } from "@angular/platform-browser";

const shown = signal(null);
const main = document.querySelector("main");
main.innerHTML = "<koyjabo-shop></koyjabo-shop>";

const Shop = Component({
  selector: "koyjabo-shop",
  schemas: [CUSTOM_ELEMENTS_SCHEMA],
  template: `@if (shown(); as given) {
    <koyjabo-count [lang]="given.lang ?? 'en'" [value]="given.value" [page]="given.page" [label]="given.label"
      [community]="given.community" [baseUrl]="given['base-url']" [counts]="given.counts" [views]="given.views" [share]="given.share" [stores]="given.stores"></koyjabo-count>
  }`,
})(
  class {
    shown = shown;
  },
);

await bootstrapApplication(Shop, { providers: [provideZonelessChangeDetection()] });
window.show = (properties) => shown.set(properties);
